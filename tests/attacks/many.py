"""Too much of what would be right in small numbers."""

from __future__ import annotations

import functools
import gzip

from tests.attacks.attack import FOREVER, Steps
from tests.attacks.calls import calls, fields, literal, opening, request
from tests.attacks.form import MIB
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Frame

ANSWERED = 0.2
# As many as it likes are not whole for so long.
BURST = 0.15


def half_open() -> Steps:
    yield opening() + calls("Echo", count=150)
    yield BURST
    yield calls("Echo", count=150, first=150)
    yield ANSWERED


def streams() -> Steps:
    yield opening() + calls("Chat", count=300)
    yield ANSWERED


def connections() -> Steps:
    yield opening()
    yield FOREVER


def at_once() -> Steps:
    """More calls in one read than a server begins at once."""
    yield opening() + calls("Echo", request(b"hello"), count=500)
    yield ANSWERED


def message_that_says_it_is_large() -> Steps:
    piece = Frame(frames.DATA, 0, 0, frames.message(b"hello", length=64 * MIB))
    yield opening() + calls("Echo", piece, count=20)
    yield ANSWERED


@functools.cache
def zeros(size: int) -> bytes:
    """A gRPC message of zeros, in DATA frames of stream 1: a thousandth of what it says."""
    message = frames.message(gzip.compress(bytes(size)), compressed=True)
    pieces = [message[at : at + 16384] for at in range(0, len(message), 16384)]
    sent = [Frame(frames.DATA, 0, 1, piece) for piece in pieces]
    sent[-1] = sent[-1]._replace(flags=END_STREAM)
    return b"".join(frame.encode() for frame in sent)


def compressed_zeros() -> Steps:
    block = fields("Echo") + literal(b"grpc-encoding", b"gzip")
    yield opening() + Frame(frames.HEADERS, END_HEADERS, 1, block).encode() + zeros(40 * MIB)
    yield ANSWERED
