"""Calls of each kind: of the plain service and of the built-in ones, short and long.

Long ones run when the mesh changes. Each knows what must come, to the byte.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import grpc

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tercet.compute.v1 import compute_pb2, compute_pb2_grpc
from tercet.executor.v1 import executor_pb2, executor_pb2_grpc
from tests.promises.servicer import RUNS_IN
from tests.soak.mixed.kinds import Client as Plain
from tests.soak.mixed.kinds import both_ways, down, small, up
from tests.soak.mixed.servicer import Order

# Seconds that a call may take: far more than it needs.
ALLOWED = 20.0
MARGIN = 5.0


class Client(Plain):
    """Makes one call, and knows which worker runs it if that worker says so."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel, ALLOWED, ALLOWED + MARGIN)
        self.channel = channel
        self._made: Any = None
        self._pid = 0

    @contextmanager
    def call(self, name: str, request: bytes | Iterable[bytes]) -> Iterator[Any]:
        with super().call(name, request) as self._made:
            yield self._made

    @property
    def pid(self) -> int:
        """0 if nothing has told; to be asked when the call is over."""
        if self._made is None:
            return self._pid
        return next((int(v) for k, v in self._made.initial_metadata() or () if k == RUNS_IN), 0)

    def ran_in(self, pid: int) -> None:
        self._pid = pid


Kind = Callable[[Client, Random], None]


def held(client: Client, rng: Random) -> None:
    """Runs for a while, and its client waits."""
    order = Order(rng.randint(200, 1000), 1, 64, rng.randbytes(16))
    request = order.encode() + order.piece(0)
    with client.call("Echo", request) as call:
        assert call.result() == request, "other bytes"


def trickle(client: Client, rng: Random) -> None:
    """A message now and then, for up to a second."""
    order = Order(rng.randint(10, 50), 20, rng.randint(0, 64), rng.randbytes(16))
    with client.call("Pour", order.encode()) as call:
        came = list(call)
    assert came == order.pieces(), f"other bytes, in {len(came)} of {order.messages} messages"


def greet(client: Client, rng: Random) -> None:
    stub = greeter_pb2_grpc.GreeterStub(client.channel)
    answer = stub.SayHello(greeter_pb2.SayHelloRequest(name="you"), timeout=ALLOWED)
    client.ran_in(answer.pid)
    assert answer.message == "Hello, you!"


def greet_often(client: Client, rng: Random) -> None:
    count = rng.randint(1, 200)
    stub = greeter_pb2_grpc.GreeterStub(client.channel)
    came = 0
    asked = greeter_pb2.SayHellosRequest(name="you", count=count)
    for answer in stub.SayHellos(asked, timeout=ALLOWED):
        client.ran_in(answer.pid)
        assert answer.message == "Hello, you!"
        came += 1
    assert came == count, f"{came} of {count} greetings"


def compute(client: Client, rng: Random) -> None:
    _fibonacci(client, 20, 6765)


def compute_long(client: Client, rng: Random) -> None:
    """About a third of a second on a thread of its own."""
    _fibonacci(client, 38, 39088169)


def execute(client: Client, rng: Random) -> None:
    stub = executor_pb2_grpc.ExecutorStub(client.channel)
    stage = executor_pb2.Stage(program="cat")
    sent = rng.randbytes(rng.randint(0, 20_000))
    answer = stub.Run(executor_pb2.RunRequest(stages=[stage], stdin=sent), timeout=ALLOWED)
    assert answer.stdout == sent, "other bytes"
    assert answer.stages[0].outcome.exited.code == 0


def execute_long(client: Client, rng: Random) -> None:
    """A program whose input comes bit by bit, and whose output comes as it does."""
    sent = [rng.randbytes(rng.randint(1, 2000)) for _ in range(rng.randint(2, 20))]
    pause = rng.uniform(0.01, 0.05)
    over = threading.Event()

    def requests() -> Iterator[executor_pb2.SpawnRequest]:
        start = executor_pb2.Start(stage=executor_pb2.Stage(program="cat"))
        yield executor_pb2.SpawnRequest(start=start)
        for each in sent:
            if over.wait(pause):
                return
            yield executor_pb2.SpawnRequest(stdin=each)
        yield executor_pb2.SpawnRequest(close_stdin=executor_pb2.CloseStdin())

    stub = executor_pb2_grpc.ExecutorStub(client.channel)
    came, code = b"", None
    try:
        for event in stub.Spawn(requests(), timeout=ALLOWED):
            came += event.stdout
            if event.HasField("exited"):
                code = event.exited.exited.code
    finally:
        over.set()
    assert came == b"".join(sent), f"other bytes, {len(came)} of them"
    assert code == 0, f"the program ended with {code}"


def _fibonacci(client: Client, n: int, result: int) -> None:
    stub = compute_pb2_grpc.ComputeStub(client.channel)
    answer = stub.Run(
        compute_pb2.RunRequest(
            kernel="fibonacci", parameters={"n": compute_pb2.Value(integer=n)}, threads=1
        ),
        timeout=ALLOWED,
    )
    assert int.from_bytes(answer.outputs["values"].data, "little") == result


# How many of each kind there are among so many calls.
SUITES: dict[str, dict[Kind, int]] = {
    "plain": {
        small: 8,
        down: 4,
        up: 4,
        both_ways: 4,
        held: 3,
        trickle: 2,
        greet: 8,
        greet_often: 4,
    },
    "compute": {compute: 8, compute_long: 1},
    "built-in": {compute: 8, compute_long: 1, execute: 3, execute_long: 4},
}
