"""Field blocks that are too much of a good thing."""

from __future__ import annotations

from tests.conformance.gateway.link import ANSWER, LARGEST, Answers, Call
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Fields

MANY: Fields = [(b"x-%d" % number, b"y") for number in range(20_000)]
LARGE: Fields = [(b"x-%d" % number, b"y" * 8192) for number in range(64)]
# A field of 4000 octets that enters the table, then references to it: 2 GB in a MiB.
BOMB = b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4000 + b"\xbe" * 500_000


def send(call: Call, block: bytes, *, end: bool = False) -> None:
    """A field block in as many frames as it takes."""
    pieces = [block[at : at + LARGEST] for at in range(0, len(block), LARGEST)]
    for number, piece in enumerate(pieces):
        flags = END_HEADERS if number == len(pieces) - 1 else 0
        if number == 0:
            call.frame(frames.HEADERS, flags | (END_STREAM if end else 0), piece)
        else:
            call.frame(frames.CONTINUATION, flags, piece)


def headers(fields: Fields) -> Answers:
    async def answer(call: Call) -> None:
        send(call, frames.block([*ANSWER, *fields]))
        await call.data(frames.message(b"hi"))
        call.trailers()

    return answer


def trailers(fields: Fields) -> Answers:
    async def answer(call: Call) -> None:
        call.headers()
        await call.data(frames.message(b"hi"))
        send(call, frames.block([(b"grpc-status", b"0"), *fields]), end=True)

    return answer


async def bomb(call: Call) -> None:
    send(call, frames.block(ANSWER) + BOMB)
    await call.over.wait()


async def bomb_in_trailers(call: Call) -> None:
    call.headers()
    send(call, frames.block([(b"grpc-status", b"0")]) + BOMB, end=True)
    await call.over.wait()


async def continuations(call: Call) -> None:
    """Without an end (CVE-2024-28182)."""
    call.frame(frames.HEADERS, 0, frames.block(ANSWER))
    while not call.over.is_set():
        for _ in range(1000):
            call.frame(frames.CONTINUATION)
        await call.link.drain()
