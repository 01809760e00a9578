"""Connections that are said to end while a call is on them."""

from __future__ import annotations

from tests.conformance.gateway.link import ANSWER, Call
from tests.conformance.wire import frames

ANY_STREAM = (1 << 31) - 1
ENHANCE_YOUR_CALM = 11


async def in_order(call: Call) -> None:
    """The last stream is the call's: it goes on."""
    call.headers()
    call.link.goaway(call.stream)
    await call.data(frames.message(b"hi"))
    call.trailers()


async def in_two_steps(call: Call) -> None:
    """RFC 9113 section 6.8: first with the highest id, then with the last one's."""
    call.link.goaway(ANY_STREAM)
    call.headers()
    await call.data(frames.message(b"hi"))
    call.link.goaway(call.stream)
    call.trailers()


async def below(call: Call) -> None:
    """The last stream is one before the call's: it was not begun."""
    call.link.goaway(max(call.stream - 2, 0))


async def then_closed(call: Call) -> None:
    """The call was begun, and its answer never comes."""
    call.link.goaway(call.stream)
    call.link.close()


async def after_headers_then_closed(call: Call) -> None:
    call.headers(ANSWER)
    call.link.goaway(call.stream)
    call.link.close()


async def with_an_error(call: Call) -> None:
    call.link.goaway(call.stream, ENHANCE_YOUR_CALM)
    call.link.close()
