"""Frames that cost the peer nothing and the server a little, without end."""

from __future__ import annotations

import struct

from tests.attacks.attack import FOREVER, Connects, Steps
from tests.attacks.calls import KNOWN, calls, opening, request, window_update
from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, END_HEADERS, END_STREAM, PADDED, Frame
from tests.soak.client import RESET

# Bytes of one step, about.
STEP = 65536
UNKNOWN_TYPE = 0x42
# For the answer of a call, in seconds.
ANSWERED = 0.05


def flood(*repeated: Frame, before: bytes = b"") -> Connects:
    """A connection that sends the same frames again and again."""
    once = b"".join(frame.encode() for frame in repeated)
    many = once * (STEP // len(once))

    def steps() -> Steps:
        yield opening() + before
        while True:
            yield many

    return steps


def after_a_call(*repeated: Frame) -> Connects:
    """The same on stream 1, when its call is over."""
    once = b"".join(frame._replace(stream=1).encode() for frame in repeated)
    many = once * (STEP // len(once))

    def steps() -> Steps:
        yield opening() + calls("Echo", request(b"hello"))
        yield ANSWERED
        while True:
            yield many

    return steps


def until_closed(*sent: Frame, before: bytes = b"") -> Connects:
    """A connection that sends something once, and stays."""

    def steps() -> Steps:
        yield opening() + before + b"".join(frame.encode() for frame in sent)
        yield FOREVER

    return steps


def not_http2() -> Steps:
    yield b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield FOREVER


# A call whose request goes on, on stream 1.
OPEN = calls("Chat")
MANY_OPEN = calls("Chat", count=1000)

PING = Frame(frames.PING, 0, 0, bytes(8))
PONG = Frame(frames.PING, ACK, 0, bytes(8))
SETTINGS = Frame(frames.SETTINGS, 0, 0, b"")
EMPTY_DATA = Frame(frames.DATA, 0, 1, b"")
# Each of them takes 256 bytes of the windows, so that only the header's octet comes out.
PADDING = Frame(frames.DATA, PADDED, 1, b"\xff" + bytes(255))
EMPTY_HEADERS = [
    Frame(frames.HEADERS, END_HEADERS | END_STREAM, stream, b"") for stream in range(1, 40001, 2)
]
PRIORITY = Frame(frames.PRIORITY, 0, 1, struct.pack("!IB", 0, 15))
PRIORITY_OF_ITSELF = Frame(frames.PRIORITY, 0, 1, struct.pack("!IB", 1, 15))
UNKNOWN = Frame(UNKNOWN_TYPE, 0, 0, b"")
UNKNOWN_LARGE = Frame(UNKNOWN_TYPE, 0, 0, bytes(16384))
GOAWAY = Frame(frames.GOAWAY, 0, 0, bytes(8))
# Each is another size than the last, so that all open streams' windows change.
WINDOWS = [
    Frame(frames.SETTINGS, 0, 0, struct.pack("!HI", frames.SETTINGS_INITIAL_WINDOW_SIZE, size))
    for size in (65535, 65536)
]

pings = flood(PING)
pongs = flood(PONG)
settings = flood(SETTINGS)
settings_that_move_windows = flood(*WINDOWS, before=MANY_OPEN)
empty_data = flood(EMPTY_DATA, before=OPEN)
padding = flood(PADDING, before=OPEN)
priorities = flood(PRIORITY)
priorities_of_a_call = flood(PRIORITY, before=OPEN)
window_updates = flood(window_update(0, 1))
window_updates_of_a_call = flood(window_update(1, 1), before=OPEN)
unknown = flood(UNKNOWN)
unknown_large = flood(UNKNOWN_LARGE)
goaways = flood(GOAWAY)
data_on_a_closed_stream = after_a_call(EMPTY_DATA)
resets_of_a_closed_stream = after_a_call(RESET)
window_updates_of_a_closed_stream = after_a_call(window_update(1, 1))


def empty_headers() -> Steps:
    """CVE-2019-9518: a stream for each, with nothing in it."""
    yield opening()
    for at in range(0, len(EMPTY_HEADERS), 1000):
        yield b"".join(frame.encode() for frame in EMPTY_HEADERS[at : at + 1000])
    yield FOREVER


def few_pings() -> Steps:
    """No flood, but sooner than the keepalive rule lets a client ping."""
    yield opening()
    for _ in range(10):
        yield PING.encode()
        yield 0.02
    yield FOREVER


window_overflow = until_closed(window_update(0, (1 << 31) - 1))
window_of_zero = until_closed(window_update(0, 0))
data_on_an_idle_stream = until_closed(EMPTY_DATA)
too_large_a_frame = until_closed(Frame(frames.PING, 0, 0, bytes(20000)))
broken_hpack = until_closed(Frame(frames.HEADERS, END_HEADERS, 1, b"\x80" + KNOWN))
