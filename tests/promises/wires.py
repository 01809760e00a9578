"""Callers by hand, over connections of their own: what became of a connection is seen here.

gRPC's clients connect again by themselves, and say of it at most that a call has failed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from random import Random
from typing import NamedTuple

import grpc

from tercet.compute.v1 import compute_pb2
from tests.conformance.gateway import failures
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import request
from tests.conformance.wire.connection import Answer, Connection, connect
from tests.promises.outcomes import CLOSED, OK, REFUSED, RESET, STUCK, WRONG, Outcome
from tests.promises.servicer import RUNS_IN
from tests.soak.mixed.servicer import SERVICE as MIXED
from tests.soak.mixed.servicer import Order

# Seconds between the calls of one caller, at most; and for one call.
PAUSE = 0.05
ALLOWED = 20.0
NAMES = {status.value[0]: status.name for status in grpc.StatusCode}


class Asked(NamedTuple):
    """A call, and the messages that must answer it."""

    kind: str
    path: str
    message: bytes
    answers: list[bytes]


def plain(rng: Random) -> Asked:
    if rng.random() < 0.3:
        order = Order(rng.randint(0, 20), rng.randint(1, 20), 64, rng.randbytes(16))
        return Asked("raw pour", f"/{MIXED}/Pour", order.encode(), order.pieces())
    pause = rng.choice([0, 0, 0, rng.randint(0, 500)])
    sent = Order(pause, 1, 64, rng.randbytes(16)).encode()
    return Asked("raw echo", f"/{MIXED}/Echo", sent, [sent])


def built_in(rng: Random) -> Asked:
    name = compute_pb2.DESCRIPTOR.services_by_name["Compute"].full_name
    # Of no answer can all bytes be foretold: it says how long it took.
    asked = compute_pb2.RunRequest(
        kernel="fibonacci", parameters={"n": compute_pb2.Value(integer=20)}
    )
    return Asked("raw compute", f"/{name}/Run", asked.SerializeToString(), [])


SUITES: dict[str, Callable[[Random], Asked]] = {
    "plain": plain,
    "compute": built_in,
    "built-in": built_in,
}


class Wires:
    """Callers in a loop of their own.

    Args:
        suite: What they ask for.
        fresh: Whether each call has its own connection.
        note: Called with each outcome.
    """

    def __init__(
        self,
        port: int,
        suite: str,
        *,
        name: str,
        count: int,
        fresh: bool,
        rng: Random,
        note: Callable[[Outcome], None],
    ) -> None:
        self._port = port
        self._ask = SUITES[suite]
        self._name = name
        self._count = count
        self._fresh = fresh
        self._rng = rng
        self._note = note

    def call(self, over: threading.Event) -> None:
        """Until it is over, and the last calls have come to their ends."""
        asyncio.run(self._call(over))

    async def _call(self, over: threading.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(
                    self._call_on(f"{self._name} {number}", Random(self._rng.random()), over)
                )

    async def _call_on(self, caller: str, rng: Random, over: threading.Event) -> None:
        while not over.is_set():
            async with AsyncExitStack() as stack:
                began = time.monotonic()
                try:
                    async with asyncio.timeout(ALLOWED):
                        wire = await stack.enter_async_context(connect(self._port))
                except (OSError, TimeoutError) as error:
                    self._note(_unconnected(caller, began, error))
                    # Who tries in a tight loop would in the end connect to itself.
                    await asyncio.sleep(PAUSE)
                    continue
                stream = 1
                while not over.is_set():
                    outcome = await self._one(caller, wire, stream, self._ask(rng), began)
                    self._note(outcome)
                    stream += 2
                    await asyncio.sleep(rng.uniform(0, PAUSE))
                    began = time.monotonic()
                    if self._fresh or outcome.code != OK or wire.closed or wire.goaways:
                        break

    async def _one(
        self, caller: str, wire: Connection, stream: int, asked: Asked, began: float
    ) -> Outcome:
        wire.headers(stream, request("", path=asked.path.encode()))
        wire.data(stream, frames.message(asked.message), end=True)
        code, reason, details, pid = OK, "", "", 0
        try:
            async with asyncio.timeout(ALLOWED):
                answer = await wire.answer(stream)
            code, reason, details = _judged(answer, asked)
        except TimeoutError:
            code = STUCK
        except AssertionError as error:
            code, details = (RESET if wire.was_reset else CLOSED), str(error)
        answer = wire.answers.pop(stream, Answer())
        if answer.blocks:
            pid = int(answer.headers.get(RUNS_IN, 0))
        return Outcome(
            kind=asked.kind,
            caller=caller,
            began=began,
            ended=time.monotonic(),
            code=code,
            reason=reason,
            details=details,
            pid=pid,
            port=wire.local,
        )


def _judged(answer: Answer, asked: Asked) -> tuple[str, str, str]:
    if answer.reset not in (None, frames.NO_ERROR):
        return WRONG, "", f"the stream was reset: {answer.reset}"
    code = failures.code(answer)
    if code != 0:
        details = answer.trailers.get("grpc-message", "")
        return NAMES.get(code, str(code)), failures.reason_in(answer), details
    if asked.answers and answer.messages != asked.answers:
        return WRONG, "", f"other bytes, in {len(answer.messages)} messages"
    return OK, "", ""


def _unconnected(caller: str, began: float, error: Exception) -> Outcome:
    code = CLOSED
    if isinstance(error, ConnectionRefusedError):
        code = REFUSED
    elif isinstance(error, ConnectionResetError):
        code = RESET
    return Outcome(
        kind="connection",
        caller=caller,
        began=began,
        ended=time.monotonic(),
        code=code,
        details=repr(error),
    )
