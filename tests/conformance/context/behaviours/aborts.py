"""abort() and abort_with_status(), in every place.

Not here, since grpc.aio never answers them: abort() with OK, and with metadata of a wrong type.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from tests.conformance.context.behaviour import Note, attempt, behaviour

ABORTED = grpc.StatusCode.ABORTED


@behaviour("unary_unary")
async def abort_in_unary(request: Any, context: Any, note: Note) -> None:
    await context.abort(ABORTED, "no more")


@behaviour("unary_unary")
async def abort_without_details(request: Any, context: Any, note: Note) -> None:
    await context.abort(ABORTED)


@behaviour("unary_unary")
async def abort_with_details_of_all_kinds(request: Any, context: Any, note: Note) -> None:
    await context.abort(ABORTED, " 100%\ttab\r\nline ☺ 😈 \x00\x7f%41 ")


@behaviour("unary_unary")
async def abort_with_trailing_metadata(request: Any, context: Any, note: Note) -> None:
    await context.abort(ABORTED, "no", (("a", "1"), ("a", "2"), ("b-bin", b"\x00\xff")))


@behaviour("unary_unary")
async def abort_takes_what_was_set_before(request: Any, context: Any, note: Note) -> None:
    context.set_details("set before")
    context.set_trailing_metadata((("a", "1"),))
    await context.abort(ABORTED)


@behaviour("unary_unary")
async def abort_overrides_what_was_set_before(request: Any, context: Any, note: Note) -> None:
    context.set_code(grpc.StatusCode.NOT_FOUND)
    context.set_details("set before")
    context.set_trailing_metadata((("a", "1"),))
    await context.abort(ABORTED, "given", (("b", "2"),))


@behaviour("unary_unary")
async def abort_with_an_integer(request: Any, context: Any, note: Note) -> None:
    await context.abort(10, "an integer")


@behaviour("unary_unary")
async def abort_with_an_integer_that_is_no_code(request: Any, context: Any, note: Note) -> None:
    await context.abort(77, "no code")


@behaviour("unary_unary")
async def abort_with_something_else(request: Any, context: Any, note: Note) -> None:
    await context.abort("ABORTED", "a string")


@behaviour("unary_unary")
async def abort_with_details_of_wrong_type(request: Any, context: Any, note: Note) -> bytes:
    try:
        await context.abort(ABORTED, b"bytes")
    except Exception as error:
        note(type(error).__name__)
    return b"went on"


@behaviour("unary_unary", until="end")
async def abort_twice(request: Any, context: Any, note: Note) -> None:
    await attempt(note, "first", context.abort(ABORTED, "first"))
    await attempt(note, "second", context.abort(grpc.StatusCode.NOT_FOUND, "second"))
    note("end")


@behaviour("unary_unary", until="end")
async def abort_suppressed(request: Any, context: Any, note: Note) -> bytes:
    await attempt(note, "abort", context.abort(ABORTED, "no"))
    note(f"done {context.done()} cancelled {context.cancelled()}")
    note(f"{context.code()} {context.details()} {context.trailing_metadata()}")
    await attempt(note, "again", context.send_initial_metadata(()))
    note("end")
    return b"too late"


@behaviour("unary_unary")
async def abort_replaced_by_an_exception(request: Any, context: Any, note: Note) -> None:
    try:
        await context.abort(ABORTED, "no")
    finally:
        raise ValueError("instead")


@behaviour("unary_unary")
async def abort_in_a_child_task(request: Any, context: Any, note: Note) -> None:
    await asyncio.create_task(context.abort(ABORTED, "from a child"))


@behaviour("unary_unary")
async def abort_after_initial_metadata(request: Any, context: Any, note: Note) -> None:
    await context.send_initial_metadata((("a", "1"),))
    await context.abort(ABORTED, "no")


@behaviour("unary_stream")
async def abort_before_the_first_message(
    request: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    await context.abort(ABORTED, "no")
    yield b"never"


@behaviour("unary_stream")
async def abort_after_messages(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"
    await context.abort(ABORTED, "no", (("a", "1"),))


@behaviour("unary_stream", until="end")
async def abort_suppressed_in_a_generator(
    request: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    yield b"one"
    await attempt(note, "abort", context.abort(ABORTED, "no"))
    note("end")
    yield b"two"


@behaviour("unary_stream", until="end")
async def abort_suppressed_by_a_writer(request: Any, context: Any, note: Note) -> None:
    await context.write(b"one")
    await attempt(note, "abort", context.abort(ABORTED, "no"))
    await attempt(note, "write", context.write(b"two"))
    note("end")


@behaviour("stream_unary")
async def abort_before_reading(requests: Any, context: Any, note: Note) -> None:
    await context.abort(ABORTED, "unread")


@behaviour("stream_unary", until="end")
async def abort_suppressed_then_read(requests: Any, context: Any, note: Note) -> None:
    await attempt(note, "abort", context.abort(ABORTED, "no"))
    await attempt(note, "read", context.read())
    note("end")


@behaviour("stream_stream")
async def abort_between_requests(requests: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request
        await context.abort(ABORTED, "after one")


def rich() -> grpc.Status:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason="FULL", domain="here"))
    return rpc_status.to_status(
        status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="full ☺", details=[detail])
    )


@behaviour("unary_unary")
async def abort_with_a_rich_status(request: Any, context: Any, note: Note) -> None:
    await context.abort_with_status(rich())


@behaviour("unary_stream")
async def abort_with_a_rich_status_after_messages(
    request: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    yield b"one"
    await context.abort_with_status(rich())


@behaviour("unary_unary", worded=False)
async def raise_an_abort_error_of_ones_own(request: Any, context: Any, note: Note) -> None:
    raise grpc.aio.AbortError("mine")
