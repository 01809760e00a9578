"""Clients that begin, and take their time."""

from __future__ import annotations

from tests.attacks.attack import FOREVER, Steps
from tests.attacks.calls import calls, fields, opening
from tests.conformance.wire import frames
from tests.conformance.wire.frames import PREFACE, Frame

# Seconds between one sign of life and the next.
DRIBBLE = 0.05
# Bytes before a frame's payload.
FRAME_HEAD = 9
# Seconds in which a stream that is too slow is sure to be reset.
RESET = 1.0
HEADERS = Frame(frames.HEADERS, 0, 1, fields("Echo")).encode()


def dribbled(octets: bytes) -> Steps:
    for at in range(len(octets)):
        yield octets[at : at + 1]
        yield DRIBBLE
    yield FOREVER


def silent() -> Steps:
    yield FOREVER


def half_a_preface() -> Steps:
    yield PREFACE[:10]
    yield FOREVER


def no_settings() -> Steps:
    yield PREFACE
    yield FOREVER


def slow_preface() -> Steps:
    return dribbled(PREFACE)


def half_a_header_frame() -> Steps:
    yield opening() + HEADERS[:-10]
    yield FOREVER


def slow_header_frame() -> Steps:
    yield opening() + HEADERS[:FRAME_HEAD]
    yield from dribbled(HEADERS[FRAME_HEAD:])


def headers_without_end() -> Steps:
    yield opening() + HEADERS
    yield FOREVER


def slow_continuations() -> Steps:
    """Three of them, which are allowed."""
    yield opening() + HEADERS
    for _ in range(3):
        yield 2 * DRIBBLE
        yield Frame(frames.CONTINUATION, 0, 1, b"").encode()
    yield FOREVER


def no_request() -> Steps:
    """Headers of unary calls, whose message never comes."""
    yield opening() + calls("Echo", count=50)
    yield RESET


def half_a_request() -> Steps:
    piece = Frame(frames.DATA, 0, 0, frames.message(b"hel", length=1000))
    yield opening() + calls("Echo", piece, count=50)
    yield RESET
