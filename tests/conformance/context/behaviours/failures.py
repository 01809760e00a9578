"""Exceptions of handlers and of their serialisers, and answers of the wrong type.

Not here, since grpc.aio never answers them: a CancelledError that nobody asked for, and an
exception whose str() fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from tests.conformance.context.behaviour import Note, behaviour


def fail(given: Any) -> bytes:
    raise ValueError(f"cannot convert {given!r}")


@behaviour("unary_unary")
async def exception_in_unary(request: Any, context: Any, note: Note) -> None:
    raise ValueError("no ☺\n100%")


@behaviour("unary_unary")
async def exception_of_a_class_of_ones_own(request: Any, context: Any, note: Note) -> None:
    raise type("Odd", (Exception,), {"__module__": "somewhere"})("odd")


@behaviour("unary_unary")
async def exception_after_status_was_set(request: Any, context: Any, note: Note) -> None:
    context.set_code(grpc.StatusCode.NOT_FOUND)
    context.set_details("set before")
    context.set_trailing_metadata((("a", "1"),))
    raise ValueError("no")


@behaviour("unary_unary")
async def exception_after_initial_metadata(request: Any, context: Any, note: Note) -> None:
    await context.send_initial_metadata((("a", "1"),))
    raise ValueError("no")


@behaviour("unary_unary")
async def exception_of_a_timeout(request: Any, context: Any, note: Note) -> None:
    raise TimeoutError


@behaviour("unary_unary")
async def exception_that_ends_iterations(request: Any, context: Any, note: Note) -> None:
    raise StopAsyncIteration("stop")


@behaviour("unary_stream")
async def exception_before_the_first_message(
    request: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    if request:
        raise ValueError("no")
    yield b"never"


@behaviour("unary_stream")
async def exception_after_messages(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"
    raise ValueError("no")


@behaviour("unary_stream")
async def exception_in_a_writer(request: Any, context: Any, note: Note) -> None:
    await context.write(b"one")
    raise ValueError("no")


@behaviour("stream_stream")
async def exception_between_requests(
    requests: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request
        raise ValueError("no")


@behaviour("stream_unary")
async def exception_before_reading(requests: Any, context: Any, note: Note) -> None:
    raise ValueError("unread")


@behaviour("unary_unary", worded=False)
async def unary_returns_none(request: Any, context: Any, note: Note) -> None:
    return None


@behaviour("unary_unary")
async def unary_returns_a_string(request: Any, context: Any, note: Note) -> str:
    return "not bytes"


@behaviour("stream_unary", worded=False)
async def stream_unary_returns_none(requests: Any, context: Any, note: Note) -> None:
    return None


@behaviour("unary_stream", worded=False)
async def generator_yields_none(request: Any, context: Any, note: Note) -> AsyncIterator[Any]:
    yield b"one"
    yield None


@behaviour("unary_unary", deserializer=fail)
async def deserializer_of_unary_fails(request: Any, context: Any, note: Note) -> bytes:
    note("called")
    return b""


@behaviour("unary_stream", deserializer=fail)
async def deserializer_of_unary_stream_fails(
    request: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    note("called")
    yield b""


@behaviour("stream_unary", deserializer=fail)
async def deserializer_of_a_stream_fails(requests: Any, context: Any, note: Note) -> bytes:
    try:
        async for _ in requests:
            note("never")
    except Exception as error:
        note(f"{type(error).__name__}: {error}")
        raise
    return b""


@behaviour("stream_stream", deserializer=fail)
async def deserializer_of_a_reader_fails(requests: Any, context: Any, note: Note) -> None:
    try:
        await context.read()
    except Exception as error:
        note(f"{type(error).__name__}: {error}")
    await context.write(b"went on")


@behaviour("unary_unary", deserializer=lambda given: None)
async def deserializer_gives_none(request: Any, context: Any, note: Note) -> bytes:
    note(repr(request))
    return b"kept"


@behaviour("unary_unary", deserializer=lambda given: given.decode())
async def deserializer_gives_what_it_likes(request: Any, context: Any, note: Note) -> bytes:
    note(repr(request))
    return b"kept"


@behaviour("unary_unary", serializer=fail)
async def serializer_of_unary_fails(request: Any, context: Any, note: Note) -> int:
    return 1


@behaviour("unary_stream", serializer=fail)
async def serializer_of_a_stream_fails(
    request: Any, context: Any, note: Note
) -> AsyncIterator[int]:
    yield 1


@behaviour("unary_stream", serializer=fail)
async def serializer_of_a_writer_fails(request: Any, context: Any, note: Note) -> None:
    try:
        await context.write(1)
    except Exception as error:
        note(f"{type(error).__name__}: {error}")
        raise


@behaviour("unary_unary", serializer=lambda given: "a string", worded=False)
async def serializer_gives_a_string(request: Any, context: Any, note: Note) -> int:
    return 1


@behaviour("unary_unary", serializer=lambda given: None, worded=False)
async def serializer_gives_none(request: Any, context: Any, note: Note) -> int:
    return 1
