"""Answers that are HTTP, and not gRPC's; and such as break off."""

from __future__ import annotations

from tests.conformance.gateway.link import ANSWER, Answers, Call
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_STREAM, Fields


async def informational(call: Call) -> None:
    """1xx first: no part of the answer (RFC 9110 section 15.2)."""
    call.headers([(b":status", b"100")])
    call.headers([(b":status", b"103"), (b"link", b"</style.css>")])
    await call.answer()


def http(status: int) -> Answers:
    """As a proxy answers that knows nothing of gRPC."""

    async def answer(call: Call) -> None:
        call.headers([(b":status", b"%d" % status), (b"content-type", b"text/html")])
        await call.data(b"<html>no</html>", end=True)

    return answer


async def html(call: Call) -> None:
    """All is well, says somebody else."""
    call.headers([(b":status", b"200"), (b"content-type", b"text/html")])
    await call.data(b"<html>yes</html>", end=True)


async def no_trailers(call: Call) -> None:
    call.headers()
    await call.data(frames.message(b"hi"), end=True)


async def only_headers(call: Call) -> None:
    """One field block ends the stream, and says nothing of a status."""
    call.headers(end=True)


async def trailers_without_status(call: Call) -> None:
    call.headers()
    await call.data(frames.message(b"hi"))
    call.headers([(b"x", b"y")], end=True)


def headers_of(fields: Fields) -> Answers:
    """What may not be in the head of an answer; then as if nothing were."""

    async def answer(call: Call) -> None:
        call.headers(fields)
        await call.data(frames.message(b"hi"))
        call.trailers()

    return answer


two_statuses = headers_of([(b":status", b"200"), *ANSWER])
no_status = headers_of([(b"content-type", b"application/grpc")])
capitals = headers_of([*ANSWER, (b"X-Capital", b"1")])
connection_specific = headers_of([*ANSWER, (b"connection", b"close")])


async def trailers_that_do_not_end(call: Call) -> None:
    """RFC 9113 section 8.1: malformed."""
    call.headers()
    await call.data(frames.message(b"hi"))
    call.headers([(b"grpc-status", b"0")])
    await call.over.wait()


async def data_first(call: Call) -> None:
    """Before any header."""
    await call.data(frames.message(b"hi"))
    await call.over.wait()


async def more_after_the_end(call: Call) -> None:
    await call.answer()
    call.frame(frames.DATA, END_STREAM, b"more")


async def closed(call: Call) -> None:
    call.link.close()


async def closed_after_headers(call: Call) -> None:
    call.headers()
    call.link.close()


async def closed_in_a_message(call: Call) -> None:
    call.headers()
    await call.data(frames.message(b"hi", length=1000))
    call.link.close()


async def closed_in_a_frame(call: Call) -> None:
    call.headers()
    call.link.write(b"\x00\x10\x00\x00\x00")
    call.link.close()


async def aborted_in_a_message(call: Call) -> None:
    """With a reset of the connection."""
    call.headers()
    await call.data(frames.message(b"hi", length=1000))
    await call.link.drain()
    call.link.abort()
