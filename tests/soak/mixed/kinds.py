"""Calls of each kind, and whether what came is what must come, to the byte."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import grpc

from tests.soak.mixed.servicer import SERVICE, Order

MIB = 1 << 20


class Client:
    """Makes a call. (Not of grpc.aio: that forgets the status of a call whose write has failed.)

    Args:
        allowed: Seconds of the call's deadline, which is the server's to heed: grpc's own `timeout`
            would end the call here, whatever the server does.
        patience: Seconds after which the call is cancelled.
    """

    def __init__(self, channel: grpc.Channel, allowed: float, patience: float) -> None:
        self._channel = channel
        self._metadata = (("grpc-timeout", f"{allowed * 1000:.0f}m"),)
        self._patience = patience

    @contextmanager
    def call(self, name: str, request: bytes | Iterable[bytes]) -> Iterator[Any]:
        """One that runs: a future, or an iterator of its messages."""
        path = f"/{SERVICE}/{name}"
        methods: dict[str, Any] = {
            "Echo": self._channel.unary_unary(path).future,
            "Pour": self._channel.unary_stream(path),
            "Digest": self._channel.stream_unary(path).future,
            "Chat": self._channel.stream_stream(path),
        }
        made = methods[name](request, metadata=self._metadata)
        timer = threading.Timer(self._patience, made.cancel)
        timer.start()
        try:
            yield made
        finally:
            timer.cancel()


# Makes a call and waits for its end.
#
# Raises:
#     RpcError: It did not end well.
#     AssertionError: It did, and with other bytes than it must.
Kind = Callable[[Client, Random], None]


def _order(rng: Random, *, pause: int, messages: int = 1, size: int = 64) -> Order:
    return Order(rng.randint(0, pause), messages, rng.randint(0, size), rng.randbytes(16))


def _echo(client: Client, order: Order) -> None:
    request = order.encode() + order.piece(0)
    with client.call("Echo", request) as call:
        assert call.result() == request, "other bytes"


def small(client: Client, rng: Random) -> None:
    _echo(client, _order(rng, pause=30))


def large(client: Client, rng: Random) -> None:
    """Up to 3 MiB there and back."""
    _echo(client, _order(rng, pause=30, size=3 * MIB))


def late(client: Client, rng: Random) -> None:
    """Its answer comes after its deadline."""
    _echo(client, _order(rng, pause=0)._replace(pause=60_000))
    raise AssertionError("an answer after the deadline")


def down(client: Client, rng: Random) -> None:
    order = _order(rng, pause=5, messages=rng.randint(1, 50), size=20_000)
    with client.call("Pour", order.encode()) as call:
        came = list(call)
    assert came == order.pieces(), f"other bytes, in {len(came)} of {order.messages} messages"


def up(client: Client, rng: Random) -> None:
    order = _order(rng, pause=30, messages=rng.randint(1, 50), size=20_000)
    sent = [order.encode(), *order.pieces()]

    def requests() -> Iterator[bytes]:
        for each in sent:
            time.sleep(rng.uniform(0, 0.005))
            yield each

    with client.call("Digest", requests()) as call:
        came = call.result()
    assert came == hashlib.sha256(b"".join(sent)).digest(), "other bytes arrived"


def both_ways(client: Client, rng: Random) -> None:
    """A message, its answer, the next message."""
    order = _order(rng, pause=5, messages=rng.randint(1, 30), size=20_000)
    sent = [order.encode(), *order.pieces()]
    came: list[bytes] = []
    turn = threading.Semaphore()

    def requests() -> Iterator[bytes]:
        for each in sent:
            turn.acquire()
            yield each

    with client.call("Chat", requests()) as call:
        try:
            for each in call:
                came.append(each)
                turn.release()
        finally:
            # Its thread must not wait for an answer that never comes.
            turn.release(len(sent))
    assert came == sent, f"other bytes, in {len(came)} of {len(sent)} messages"


def given_up(client: Client, rng: Random) -> None:
    """Its client leaves in the middle."""
    order = _order(rng, pause=20, messages=1000, size=20_000)
    with client.call("Pour", order.encode()) as call:
        time.sleep(rng.uniform(0, 0.3))
        call.cancel()
        if call.code() is not grpc.StatusCode.CANCELLED:
            raise call


# How many of each kind there are among so many calls.
KINDS: dict[Kind, int] = {
    small: 12,
    down: 4,
    up: 4,
    both_ways: 4,
    given_up: 2,
    large: 2,
    late: 1,
}
# Those that nothing need keep from ending well.
SOUND = [kind for kind in KINDS if kind not in (given_up, late)]
