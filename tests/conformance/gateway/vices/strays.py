"""Frames for streams that are not there, and frames that may not be."""

from __future__ import annotations

import struct

from tests.conformance.gateway.link import ANSWER, Answers, Call
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_HEADERS, Frame

PUSH_PROMISE = 5
# A stream that no gateway has opened yet.
IDLE = 1_000_001
CANCEL = struct.pack("!I", frames.CANCEL)


def stray(*sent: Frame) -> Answers:
    """After the headers of a call."""

    async def answer(call: Call) -> None:
        call.headers()
        call.link.send(*sent)
        await call.over.wait()

    return answer


data_on_an_idle_stream = stray(Frame(frames.DATA, 0, IDLE, b"hi"))
reset_of_an_idle_stream = stray(Frame(frames.RST_STREAM, 0, IDLE, CANCEL))
answer_on_an_idle_stream = stray(Frame(frames.HEADERS, END_HEADERS, IDLE, frames.block(ANSWER)))
answer_on_an_even_stream = stray(Frame(frames.HEADERS, END_HEADERS, 2, frames.block(ANSWER)))
data_on_the_connection = stray(Frame(frames.DATA, 0, 0, b"hi"))
lone_continuation = stray(Frame(frames.CONTINUATION, END_HEADERS, 1, b""))
too_large_a_frame = stray(Frame(frames.PING, 0, 0, bytes(20_000)))
settings_of_a_wrong_size = stray(Frame(frames.SETTINGS, 0, 0, bytes(5)))
broken_hpack = stray(Frame(frames.HEADERS, END_HEADERS, 1, b"\x80"))


async def push(call: Call) -> None:
    """What nobody asked for: the gateway has said that it takes none, or it refuses each."""
    promised = struct.pack("!I", 2) + frames.block(
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"x")]
    )
    call.frame(PUSH_PROMISE, END_HEADERS, promised)
    await call.over.wait()


async def frames_of_a_closed_stream(call: Call) -> None:
    """After the answer: late, and no harm."""
    await call.answer()
    call.frame(frames.WINDOW_UPDATE, 0, struct.pack("!I", 1))
    call.reset(frames.CANCEL)
