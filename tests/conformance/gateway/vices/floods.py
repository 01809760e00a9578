"""Frames without end that say nothing, while a call waits for its answer."""

from __future__ import annotations

import struct

from tests.conformance.gateway.link import Answers, Call
from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, PADDED, Frame

# Octets of one write, about.
STEP = 65536
# Octets after which a flood that nobody stops gives up.
ENOUGH = 256 << 20


def of(kind: int, flags: int = 0, payload: bytes = b"", *, on_stream: bool = False) -> Answers:
    """The same frame again and again, on the connection or on the call's stream.

    What is sent in vain comes with the call's headers before it.
    """

    async def answer(call: Call) -> None:
        call.headers()
        once = Frame(kind, flags, call.stream if on_stream else 0, payload).encode()
        many = once * (STEP // len(once))
        sent = 0
        while not call.over.is_set() and sent < ENOUGH:
            call.link.write(many)
            sent += len(many)
            await call.link.drain()
        if sent >= ENOUGH:
            call.link.note("not stopped")

    return answer


pings = of(frames.PING, 0, bytes(8))
pongs = of(frames.PING, ACK, bytes(8))
settings = of(frames.SETTINGS)
settings_acks = of(frames.SETTINGS, ACK)
empty_data = of(frames.DATA, on_stream=True)
# Each takes 256 octets of the windows: beyond them it is a breach as well.
padding = of(frames.DATA, PADDED, b"\xff" + bytes(255), on_stream=True)
window_updates = of(frames.WINDOW_UPDATE, 0, struct.pack("!I", 1))
window_updates_of_a_call = of(frames.WINDOW_UPDATE, 0, struct.pack("!I", 1), on_stream=True)
priorities = of(frames.PRIORITY, 0, struct.pack("!IB", 0, 15), on_stream=True)
unknown = of(0xBB)
goaways = of(frames.GOAWAY, 0, struct.pack("!II", (1 << 31) - 1, 0))
informational = of(
    frames.HEADERS, frames.END_HEADERS, frames.block([(b":status", b"103")]), on_stream=True
)
