"""Upstreams that say nothing, or little at a time."""

from __future__ import annotations

import struct

from tests.conformance.gateway.link import ANSWER, Call, Link
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Frame

# Seconds between one octet and the next.
DRIBBLE = 0.002


async def silent(call: Call) -> None:
    """Takes the call, and that is all."""
    await call.over.wait()


async def silent_after_headers(call: Call) -> None:
    call.headers()
    await call.over.wait()


async def greet_with_nothing(link: Link) -> None:
    """Not even SETTINGS."""


async def greet_without_a_window(link: Link) -> None:
    """No octet of a request may be sent, ever."""
    link.credits = False
    payload = struct.pack("!HI", frames.SETTINGS_INITIAL_WINDOW_SIZE, 0)
    link.send(Frame(frames.SETTINGS, 0, 0, payload))


async def octet_by_octet(call: Call) -> None:
    """Each in a packet of its own, whatever frame it is part of."""
    status = frames.block([(b"grpc-status", b"0")])
    sent = [
        Frame(frames.HEADERS, END_HEADERS, call.stream, frames.block(ANSWER)),
        Frame(frames.DATA, 0, call.stream, frames.message(b"hi")),
        Frame(frames.HEADERS, END_HEADERS | END_STREAM, call.stream, status),
    ]
    await call.link.dribble(b"".join(each.encode() for each in sent), DRIBBLE)
