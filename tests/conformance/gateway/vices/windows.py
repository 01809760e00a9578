"""Flow control that is got wrong, or strained."""

from __future__ import annotations

import struct

from tests.conformance.gateway.link import LARGEST, Call, Link
from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame
from tests.soak.form import LONG

LARGEST_INCREMENT = struct.pack("!I", (1 << 31) - 1)
# More than any window that a gateway may have opened.
FAR_TOO_MUCH = (1 << 31) + LARGEST
# 5 octets of data and 255 of padding, and the one that tells how much of it there is: so many of
# them that a window which forgot the padding would be used up.
PAD = 255
PADDED_MESSAGES = (15 if LONG else 3) * (1 << 20) // (5 + 1 + PAD)


async def overflow(call: Call) -> None:
    """Of the connection: an error of it (RFC 9113 section 6.9.1)."""
    call.headers()
    call.link.send(Frame(frames.WINDOW_UPDATE, 0, 0, LARGEST_INCREMENT))
    call.link.send(Frame(frames.WINDOW_UPDATE, 0, 0, LARGEST_INCREMENT))
    await call.over.wait()


async def overflow_of_a_call(call: Call) -> None:
    """An error of the stream."""
    call.headers()
    call.frame(frames.WINDOW_UPDATE, 0, LARGEST_INCREMENT)
    call.frame(frames.WINDOW_UPDATE, 0, LARGEST_INCREMENT)
    await call.over.wait()


async def update_of_zero(call: Call) -> None:
    call.headers()
    call.frame(frames.WINDOW_UPDATE, 0, bytes(4))
    await call.over.wait()


async def beyond(call: Call) -> None:
    """DATA that no window lets it send, until it is stopped."""
    call.headers()
    piece = Frame(frames.DATA, 0, call.stream, bytes(LARGEST)).encode()
    sent = 0
    while not call.over.is_set() and sent < FAR_TOO_MUCH:
        call.link.write(piece)
        sent += LARGEST
        await call.link.drain()
    call.link.note(f"sent {sent}")


async def padding(call: Call) -> None:
    """As gRPC's negative test data_frame_padding: what is padding counts in all windows."""
    call.headers()
    for _ in range(PADDED_MESSAGES):
        await call.data(frames.message(b""), pad=PAD)
    call.trailers()


async def shut_and_open(call: Call) -> None:
    """SETTINGS take away the window of an upload, and give it back."""

    def window(octets: int) -> Frame:
        payload = struct.pack("!HI", frames.SETTINGS_INITIAL_WINDOW_SIZE, octets)
        return Frame(frames.SETTINGS, 0, 0, payload)

    call.link.send(window(0), window(1), window(0), window(1 << 20))
    await call.whole.wait()
    await call.answer()


async def greet_without_a_table(link: Link) -> None:
    """HEADER_TABLE_SIZE 0: HPACK without memory."""
    link.table = 0
    link.send(Frame(frames.SETTINGS, 0, 0, struct.pack("!HI", 1, 0)))
