"""DATA frames have no relation to messages, nor HEADERS frames to field blocks."""

from __future__ import annotations

import struct

import hpack
import pytest

from tests.conformance.wire import frames
from tests.conformance.wire.conftest import Served, reference_deviates, request
from tests.conformance.wire.connection import Answer, Connection
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, STREAM_CLOSED, Frame, message
from tests.support import eventually


async def collected(wire: Connection, stream: int = 1) -> bytes:
    answer = await wire.answer(stream)
    assert answer.status == 0
    (sizes,) = answer.messages
    return sizes


async def test_a_message_octet_by_octet(wire: Connection) -> None:
    wire.headers(1, request("Collect"))
    for octet in message(b"hi") + message(b"") + message(b"you"):
        wire.data(1, bytes([octet]))
    wire.data(1, b"", end=True)
    assert await collected(wire) == b"[2, 0, 3]"


async def test_many_messages_in_a_frame(wire: Connection) -> None:
    wire.headers(1, request("Collect"))
    wire.data(1, message(b"a") * 500, end=True)
    assert await collected(wire) == repr([1] * 500).encode()


async def test_a_message_that_straddles_frames(wire: Connection) -> None:
    body = b"".join(message(bytes(size)) for size in (700, 1, 0, 999))
    wire.headers(1, request("Collect"))
    for at in range(0, len(body), 333):
        wire.data(1, body[at : at + 333])
    wire.data(1, b"", end=True)
    assert await collected(wire) == b"[700, 1, 0, 999]"


async def test_empty_frames_between(wire: Connection) -> None:
    wire.headers(1, request("Collect"))
    wire.data(1, b"")
    wire.data(1, message(b"hi")[:3])
    wire.data(1, b"")
    wire.data(1, message(b"hi")[3:])
    wire.data(1, b"", end=True)
    assert await collected(wire) == b"[2]"


async def test_padded_frames(wire: Connection, engine: str) -> None:
    """Padding is no part of the message, and counts against the window all the same."""
    reference_deviates(engine, "knows no padding of DATA")
    wire.headers(1, request("Collect"))
    padded = bytes([255]) + message(b"hi") + bytes(255)
    # 400 frames of 263 octets: more than a window, so that the server must give credit.
    for _ in range(8):
        wire.send(*[Frame(frames.DATA, frames.PADDED, 1, padded)] * 50)
        await wire.ping()
    wire.data(1, b"", end=True)
    assert await collected(wire) == repr([2] * 400).encode()


async def test_padded_headers(wire: Connection, engine: str) -> None:
    reference_deviates(engine, "knows no padding of HEADERS")
    payload = bytes([4]) + frames.block(request("Collect")) + bytes(4)
    wire.send(Frame(frames.HEADERS, END_HEADERS | frames.PADDED, 1, payload))
    wire.data(1, message(b"hi"), end=True)
    assert await collected(wire) == b"[2]"


async def test_headers_with_a_priority(wire: Connection) -> None:
    payload = struct.pack("!IB", 0, 15) + frames.block(request("Collect"))
    wire.send(Frame(frames.HEADERS, END_HEADERS | frames.PRIORITIZED, 1, payload))
    wire.data(1, message(b"hi"), end=True)
    assert await collected(wire) == b"[2]"


async def test_headers_in_continuations(wire: Connection) -> None:
    whole = frames.block(request("Collect"))
    wire.send(
        Frame(frames.HEADERS, 0, 1, whole[:10]),
        Frame(frames.CONTINUATION, 0, 1, whole[10:50]),
        Frame(frames.CONTINUATION, END_HEADERS, 1, whole[50:]),
    )
    wire.data(1, message(b"hi"), end=True)
    assert await collected(wire) == b"[2]"


async def test_huffman_and_the_dynamic_table(wire: Connection) -> None:
    """The second block is little but indices into the table that the first one filled."""
    encoder = hpack.Encoder()
    for stream in 1, 3:
        fields = [*request("Metadata"), (b"some-key", b"some value")]
        wire.send(Frame(frames.HEADERS, END_HEADERS, stream, encoder.encode(fields)))
        wire.data(stream, message(b""), end=True)
        answer = await wire.answer(stream)
        assert answer.messages == [b"[('some-key', 'some value')]"]


async def test_request_trailers_end_the_stream(wire: Connection) -> None:
    """No gRPC client sends any, but HTTP/2 lets it; nobody sees what they say."""
    wire.headers(1, request("Collect"))
    wire.data(1, message(b"hi"))
    wire.headers(1, [(b"x", b"y")], end=True)
    assert await collected(wire) == b"[2]"


async def test_unknown_frames_are_ignored(wire: Connection) -> None:
    wire.send(Frame(0xBB, 0xFF, 0, b"unknown"))
    wire.headers(1, request("Collect"))
    wire.send(Frame(0xBB, 0, 1, b"unknown"))
    wire.data(1, message(b"hi"), end=True)
    assert await collected(wire) == b"[2]"


async def test_streams_are_interleaved(wire: Connection) -> None:
    streams = range(1, 41, 2)
    for stream in streams:
        wire.headers(stream, request("Collect"))
    for octet in message(b"hi"):
        for stream in streams:
            wire.data(stream, bytes([octet]))
    for stream in reversed(streams):
        wire.data(stream, b"", end=True)
    for stream in streams:
        assert await collected(wire, stream) == b"[2]"


@pytest.mark.parametrize(
    "value", [b"/w", b"/w==", b"/w,gA", b"/w==,gA==", b""], ids=["bare", "padded", "two", "2", "0"]
)
async def test_binary_metadata(wire: Connection, engine: str, value: bytes) -> None:
    """ "Implementations MUST accept padded and un-padded values"; a comma joins two of them."""
    if b"," in value:
        reference_deviates(engine, "does not split at commas")
    wire.headers(1, [*request("Metadata"), (b"x-bin", value)])
    wire.data(1, message(b""), end=True)
    answer = await wire.answer(1)
    values = [b"\xff", b"\x80"] if b"," in value else [b"\xff"] if value else [b""]
    assert answer.messages == [repr([("x-bin", each) for each in values]).encode()]


@pytest.mark.parametrize("kind", [frames.DATA, frames.HEADERS], ids=["data", "headers"])
async def test_nothing_may_follow_the_half_close(
    wire: Connection, served: Served, engine: str, kind: int
) -> None:
    """A stream error STREAM_CLOSED, or a connection error (RFC 9113 section 5.1)."""
    reference_deviates(engine, "ignores it")
    wire.headers(1, request("Wait"))
    wire.data(1, message(b""), end=True)
    await eventually(lambda: "started" in served.notes)
    if kind == frames.DATA:
        wire.data(1, message(b"more"))
    else:
        wire.headers(1, [(b"x", b"y")], end=True)
    wire.answers[1] = answer = Answer()
    await wire.until(lambda: answer.closed or bool(wire.goaways))
    assert answer.reset == STREAM_CLOSED or wire.goaways
    await eventually(lambda: "cancelled" in served.notes)


async def test_a_half_close_of_its_own(wire: Connection) -> None:
    """END_STREAM on an empty frame, long after the message."""
    wire.headers(1, request("Echo"))
    wire.data(1, message(b"hi"))
    await wire.ping()
    wire.send(Frame(frames.DATA, END_STREAM, 1, b""))
    assert (await wire.answer(1)).messages == [b"hi"]
