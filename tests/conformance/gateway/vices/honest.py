"""No vice at all: what else there is to see of a gateway."""

from __future__ import annotations

from tests.conformance.gateway.link import ANSWER, Call
from tests.conformance.wire import frames
from tests.conformance.wire.frames import Fields

# Each twice, and not next to each other.
INITIAL: Fields = [
    (b"x-first", b"1"),
    (b"x-second-bin", b"/w"),
    (b"x-first", b"2"),
    (b"x-second-bin", b"gIA"),
]
TRAILING: Fields = [
    (b"grpc-message", b"all%20is%20well"),
    (b"grpc-status-details-bin", b"CAkSA25v"),
    *((name.replace(b"x-", b"t-"), value) for name, value in INITIAL),
]
FIELDS = "fields "


async def well(call: Call) -> None:
    """Does nothing wrong."""
    await call.answer()


async def tells(call: Call) -> None:
    """Notes what came, and answers with metadata of its own, as does who has much to say."""
    call.link.note(f"{FIELDS}{call.fields!r}")
    call.headers([*ANSWER, *INITIAL])
    await call.data(frames.message(b"hi"))
    call.trailers(0, TRAILING)


async def refuses(call: Call) -> None:
    """Trailers-Only: all in one field block."""
    call.headers([*ANSWER, (b"grpc-status", b"9"), *TRAILING], end=True)


async def answers_early(call: Call) -> None:
    """Without waiting for the end of the request."""
    await call.answer()


async def echoes(call: Call) -> None:
    """Each octet as it comes; notes how the request ends."""
    call.headers()
    sent = 0
    while not (call.whole.is_set() and sent == len(call.body)):
        await call.more.wait()
        call.more.clear()
        piece = call.body[sent:]
        sent += len(piece)
        await call.data(piece)
    call.link.note("whole")
    call.trailers()
