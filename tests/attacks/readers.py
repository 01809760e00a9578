"""Clients that ask, and do not read the answers."""

from __future__ import annotations

from tests.attacks.attack import FOREVER, Connects, Steps
from tests.attacks.calls import PER_STEP, calls, opening, request, window_update
from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame

SHUT = {frames.SETTINGS_INITIAL_WINDOW_SIZE: 0}
OPEN = {frames.SETTINGS_INITIAL_WINDOW_SIZE: (1 << 31) - 1}
# Seconds between one sign of life and the next.
DRIBBLE = 0.05
ANSWERED = 0.2
MIB = b"1048576"
# As many messages of so many bytes that nobody holds them all.
STREAM = b"65536 100000"
# Answers of a mebibyte that are asked for before any of them waits.
HOARD = 100


def shut() -> Steps:
    """Its windows never open."""
    yield opening(SHUT) + calls("Echo", request(b"hello"), count=100)
    yield FOREVER


def dribbling() -> Steps:
    """20 bytes a second, so that something always moves; of an answer of 1 MiB."""
    yield opening(SHUT) + calls("Give", request(MIB))
    while True:
        yield DRIBBLE
        yield window_update(1, 1).encode()


def dribbling_of_a_stream() -> Steps:
    """The same of an answer that goes on, and on."""
    yield opening(SHUT) + calls("Pour", request(STREAM))
    while True:
        yield DRIBBLE
        yield window_update(1, 1).encode()


def hoard(asked: Frame, method: str) -> Connects:
    """Asks for a mebibyte at least with each few bytes, and takes none of it."""

    def steps() -> Steps:
        yield opening(SHUT) + calls(method, asked, count=HOARD)
        yield ANSWERED
        # What waits is enough by now.
        yield calls(method, asked, first=HOARD, count=100)
        yield ANSWERED

    return steps


hoarding = hoard(request(MIB), "Give")
hoarding_streams = hoard(request(STREAM), "Pour")


def deaf() -> Steps:
    """Opens all windows and reads nothing from its socket: even the answers' frames wait."""
    yield opening(OPEN) + window_update(0, 1 << 30).encode()
    yield calls("Give", request(MIB), count=10)
    yield ANSWERED
    first = 10
    while True:
        yield calls("Missing", first=first, count=PER_STEP, end=True)
        first += PER_STEP
