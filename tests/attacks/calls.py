"""Many small calls, laid out beforehand: what is sent for one more is a few bytes."""

from __future__ import annotations

import functools
import struct

from tests.attacks.attack import Steps
from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, END_HEADERS, END_STREAM, Frame
from tests.soak.serve import SERVICE

# In one step, so that it is some 64 KiB at most.
PER_STEP = 500
# Of one connection; no limit lets one come near.
MOST = 100_000
# :method POST and :scheme http of HPACK's static table (RFC 7541, appendix A).
KNOWN = b"\x83\x86"


def literal(name: bytes, value: bytes) -> bytes:
    """A field that enters HPACK's dynamic table (RFC 7541, section 6.2.1)."""
    return b"\x40" + frames.block([(name, value)])[1:]


# What literal() added last has index 62.
NEWEST = b"\xbe"
# After the four of a call's own.
REPEATED = KNOWN + b"\xc1\xc0\xbf\xbe"


def fields(method: str) -> bytes:
    """The field block of a connection's first call; that of each later one is REPEATED."""
    return (
        KNOWN
        + literal(b":path", f"/{SERVICE}/{method}".encode())
        + literal(b":authority", b"localhost")
        + literal(b"te", b"trailers")
        + literal(b"content-type", b"application/grpc")
    )


def opening(settings: dict[int, int] | None = None) -> bytes:
    """Preface and SETTINGS, and the acknowledgment of the server's, which are on their way.

    They count from then on: without it a stream's window would be the smaller one.
    """
    payload = b"".join(struct.pack("!HI", *pair) for pair in (settings or {}).items())
    own = Frame(frames.SETTINGS, 0, 0, payload).encode()
    return frames.PREFACE + own + Frame(frames.SETTINGS, ACK, 0, b"").encode()


def window_update(stream: int, octets: int) -> Frame:
    return Frame(frames.WINDOW_UPDATE, 0, stream, struct.pack("!I", octets))


@functools.cache
def calls(method: str, *then: Frame, first: int = 0, count: int = 1, end: bool = False) -> bytes:
    """Calls of a method, each followed by frames on its stream.

    Args:
        first: How many the connection has made before.
        end: Whether the headers end the request.
    """
    flags = END_HEADERS | (END_STREAM if end else 0)
    rest = [frame.encode() for frame in then]
    sent = []
    for number in range(first, first + count):
        stream = struct.pack("!I", 2 * number + 1)
        block = REPEATED if number else fields(method)
        sent.append(Frame(frames.HEADERS, flags, 2 * number + 1, block).encode())
        sent += [frame[:5] + stream + frame[9:] for frame in rest]
    return b"".join(sent)


def endless(method: str, *then: Frame, end: bool = False) -> Steps:
    """As calls(), as many as the server takes."""
    for first in range(0, MOST, PER_STEP):
        yield calls(method, *then, first=first, count=PER_STEP, end=end)


def request(message: bytes) -> Frame:
    """A whole request message, for calls()."""
    return Frame(frames.DATA, END_STREAM, 0, frames.message(message))
