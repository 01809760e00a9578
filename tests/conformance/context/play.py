"""Plays scripts on an engine, all at once over one connection, and tells what was seen of each."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio

from tercet import rpc
from tests.conformance.context.observe import OPTIONS, Observation, multiset
from tests.conformance.context.scripts import Script, Step

SERVICE = "conformance.Scripts"
# Seconds after which what has not happened never will.
NEVER = 30
# Of calls whose deadline is to pass, in seconds. One is too short where the handler had not come
# to wait in the first half of it; then the next is tried.
DEADLINES = (0.2, 1.0, 5.0, 25.0)


async def play(scripts: Sequence[Script], engine: str) -> list[Observation]:
    server = rpc.server(engine=engine)
    plays: dict[str, Play] = {}
    handlers = {}
    for name, script in enumerate(scripts):
        handlers[str(name)] = _handler(script, str(name), plays)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    loop = asyncio.get_running_loop()
    try:
        with (
            ThreadPoolExecutor(len(scripts)) as threads,
            grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS) as channel,
        ):
            seen = [
                loop.run_in_executor(threads, _observe, script, str(name), plays, channel)
                for name, script in enumerate(scripts)
            ]
            # All of them, whatever the first one says: the threads need the loop to end.
            await asyncio.wait(seen)
            return [each.result() for each in seen]
    finally:
        await server.stop(0)


def _observe(script: Script, name: str, plays: dict[str, Play], channel: Any) -> Observation:
    """In a thread, with the blocking client: that of asyncio makes up statuses of its own."""
    if script.leaves != "deadline":
        play = plays[name] = Play(script, script.timeout)
        return play.observe(channel, name)
    for deadline in DEADLINES:
        play = plays[name] = Play(script, deadline)
        seen = play.observe(channel, name)
        if play.waited_for and play.waited_for < deadline / 2:
            break
    return seen


def _handler(script: Script, name: str, plays: dict[str, Play]) -> Any:
    """Leads to the play that is on."""

    async def answer(request: Any, context: Any) -> Any:
        return await plays[name].answer(request, context)

    async def write(request: Any, context: Any) -> None:
        await plays[name].write(request, context)

    async def generate(request: Any, context: Any) -> AsyncIterator[bytes]:
        async for each in plays[name].perform(request, context):
            yield each

    behaviour: Any = answer
    if script.kind.endswith("stream"):
        behaviour = generate if script.generator else write
    return getattr(grpc, f"{script.kind}_rpc_method_handler")(behaviour)


class Play:
    """One call of a script: the handler's part runs on the loop, the client's in a thread."""

    def __init__(self, script: Script, timeout: float | None) -> None:
        self._script = script
        self._timeout = timeout
        self._notes: list[str] = []
        self._received: list[str] = []
        self._over = False
        self._changed = threading.Condition()
        self._waiting = threading.Event()
        self._ended = threading.Event()
        self._callbacks = threading.Semaphore(0)
        self._result = b""
        self._begun = 0.0
        # Seconds from the call's beginning to the handler's waiting.
        self.waited_for: float | None = None

    # -- the client ----------------------------------------------------------------------------

    def observe(self, channel: Any, name: str) -> Observation:
        script = self._script
        kind = script.kind
        if script.leaves:
            # A client of one answer does not tell the initial metadata before its end.
            kind = "stream_stream" if kind.startswith("stream") else "unary_stream"
        begin = getattr(channel, kind)(f"/{SERVICE}/{name}")
        asks = script.kind.startswith("stream")
        request = self._requests() if asks else bytes(script.sends[0].message)
        keywords = {
            "metadata": script.metadata,
            "timeout": self._timeout,
            "compression": script.compression,
        }
        self._begun = time.monotonic()
        streamed = kind.endswith("stream")
        call = begin(request, **keywords) if streamed else begin.future(request, **keywords)
        hung = threading.Timer(NEVER, self._give_up, (call,))
        hung.start()
        try:
            with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):
                if not streamed:
                    self._receive(call.result())
                elif script.leaves == "cancel":
                    self._read_and_cancel(call)
                else:
                    for message in call:
                        self._receive(message)
            seen = {
                "messages": self._received,
                "code": call.code(),
                # Of a deadline, each side has its own words, and either may be the first.
                "details": "" if script.leaves == "deadline" else call.details(),
                "initial": multiset(call.initial_metadata()),
                "trailing": multiset(call.trailing_metadata()),
            }
        finally:
            hung.cancel()
            with self._changed:
                self._over = True
                self._changed.notify_all()
        if not self._ended.wait(NEVER):
            self._notes.append("the handler has not ended")
        for step in script.steps:
            if step.verb == "add callback" and not self._callbacks.acquire(timeout=NEVER):
                self._notes.append("a callback was not called")
        return Observation(notes=list(self._notes), **seen)

    def _read_and_cancel(self, call: Any) -> None:
        for _ in range(self._script.answers):
            self._receive(next(call))
        if self._script.has_initial_metadata:
            call.initial_metadata()
        if not self._waiting.wait(NEVER):
            self._notes.append("the handler does not wait")
        call.cancel()

    def _give_up(self, call: Any) -> None:
        self._notes.append("hung")
        call.cancel()

    def _receive(self, message: bytes) -> None:
        with self._changed:
            self._received.append(_short(message))
            self._changed.notify_all()

    def _requests(self) -> Iterator[bytes]:
        for send in self._script.sends:
            with self._changed:
                while not self._over and len(self._received) < send.after:
                    self._changed.wait()
            if self._over:
                return
            time.sleep(send.pause)
            yield bytes(send.message)
        if not self._script.half_closes:
            with self._changed:
                self._changed.wait_for(lambda: self._over)

    # -- the handler ---------------------------------------------------------------------------

    async def answer(self, request: Any, context: Any) -> bytes:
        async for _ in self.perform(request, context):
            raise AssertionError
        return self._result

    async def write(self, request: Any, context: Any) -> None:
        async with contextlib.aclosing(self.perform(request, context)) as messages:
            async for message in messages:
                await context.write(message)

    async def perform(self, request: Any, context: Any) -> Any:
        """Does the steps; yields what is to be answered."""
        note = self._notes.append
        try:
            if isinstance(request, bytes):
                note(f"request {_short(request)}")
            for step in self._script.steps:
                match step.verb:
                    case "answer":
                        yield bytes(step.given)
                    case "read":
                        note(f"read {_short(await context.read())}")
                    case "iterate":
                        note(f"iterate {_short(await anext(request, grpc.aio.EOF))}")
                    case "read all":
                        note(f"all {[_short(each) async for each in request]}")
                    case _:
                        await self._do(step, context)
        finally:
            note("end")
            self._ended.set()

    async def _do(self, step: Step, context: Any) -> None:
        note = self._notes.append
        given = step.given
        match step.verb:
            case "send initial metadata":
                try:
                    await context.send_initial_metadata(given)
                except grpc.aio.UsageError as error:
                    note(f"{step.verb}: {error}")
            case "set code":
                context.set_code(given)
            case "set details":
                context.set_details(given)
            case "set trailing metadata":
                context.set_trailing_metadata(given)
            case "look":
                note(f"{context.code()} {context.details()!r} {context.trailing_metadata()!r}")
                note(f"done {context.done()} cancelled {context.cancelled()}")
            case "metadata":
                pairs = [tuple(each) for each in context.invocation_metadata()]
                note(repr(sorted((each for each in pairs if each[0] != "user-agent"), key=repr)))
            case "remaining":
                remaining = context.time_remaining()
                # The C-core's client rounds up.
                within = remaining is None or 0 < remaining < (self._timeout or 0) * 1.1
                note(f"remaining {type(remaining).__name__} {within}")
            case "add callback":
                context.add_done_callback(lambda _: self._callbacks.release())
            case "set compression":
                try:
                    context.set_compression(given)
                except RuntimeError as error:
                    note(f"{step.verb}: {error}")
            case "disable compression":
                context.disable_next_message_compression()
            case "pause":
                await asyncio.sleep(given)
            case "return":
                self._result = bytes(given)
            case "abort":
                await context.abort(*given)
            case "abort with status":
                await context.abort_with_status(given)
            case "abort and go on":
                with contextlib.suppress(grpc.aio.AbortError):
                    await context.abort(*given)
                self._result = b"aborted"
            case "raise":
                raise given
            case "wait":
                await self._wait(context, *given)
            case _:
                raise AssertionError(step)

    async def _wait(self, context: Any, how: str, then: str) -> None:
        self.waited_for = time.monotonic() - self._begun
        self._waiting.set()
        try:
            if how == "sleep":
                await asyncio.sleep(3600)
            elif how == "child":
                async with asyncio.TaskGroup() as group:
                    group.create_task(asyncio.Event().wait())
            elif how == "read" and self._script.kind.startswith("stream"):
                # Whether the cancellation is told as an end of the requests too is a race in
                # grpc.aio.
                await context.read()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self._notes.append("cancelled")
            match then:
                case "return":
                    self._result = b"too late"
                case "fail":
                    raise ValueError("too late") from None
                case "clean up":
                    await asyncio.sleep(0.001)
                    self._notes.append("cleaned up")
                    raise
                case _:
                    raise


def _short(message: Any) -> str:
    return f"{len(message)}:{zlib.crc32(message):x}" if message is not grpc.aio.EOF else "EOF"
