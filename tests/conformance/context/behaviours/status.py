"""Setting the status and the trailing metadata, and getting them back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from tests.conformance.context.behaviour import Note, behaviour, tried

NOT_FOUND = grpc.StatusCode.NOT_FOUND


def note_status(context: Any, note: Note) -> None:
    note(f"{context.code()!r} {context.details()!r} {context.trailing_metadata()!r}")


@behaviour("unary_unary")
async def set_code_and_details(request: Any, context: Any, note: Note) -> bytes:
    context.set_code(NOT_FOUND)
    context.set_details("none ☺")
    return b"discarded"


@behaviour("unary_unary")
async def set_code_alone(request: Any, context: Any, note: Note) -> bytes:
    context.set_code(NOT_FOUND)
    return b"discarded"


@behaviour("unary_unary")
async def set_code_and_return_none(request: Any, context: Any, note: Note) -> None:
    context.set_code(NOT_FOUND)


@behaviour("unary_unary")
async def set_details_with_ok(request: Any, context: Any, note: Note) -> bytes:
    context.set_details("all is well")
    return b"kept"


@behaviour("unary_unary")
async def set_code_and_take_it_back(request: Any, context: Any, note: Note) -> bytes:
    context.set_code(NOT_FOUND)
    context.set_code(grpc.StatusCode.OK)
    return b"kept"


@behaviour("unary_unary")
async def set_code_to_an_integer(request: Any, context: Any, note: Note) -> bytes:
    tried(note, "set", lambda: context.set_code(5))
    note_status(context, note)
    return b"discarded"


@behaviour("unary_unary")
async def set_code_to_an_integer_that_is_no_code(request: Any, context: Any, note: Note) -> bytes:
    tried(note, "set", lambda: context.set_code(77))
    note_status(context, note)
    return b"discarded"


@behaviour("unary_unary")
async def set_code_to_something_else(request: Any, context: Any, note: Note) -> bytes:
    tried(note, "set", lambda: context.set_code("NOT_FOUND"))
    note_status(context, note)
    return b"discarded"


@behaviour("unary_unary")
async def set_code_to_cancelled(request: Any, context: Any, note: Note) -> bytes:
    context.set_code(grpc.StatusCode.CANCELLED)
    note(f"{context.cancelled()} {context.done()}")
    return b"discarded"


@behaviour("unary_unary")
async def get_what_nobody_set(request: Any, context: Any, note: Note) -> bytes:
    note_status(context, note)
    return b"kept"


@behaviour("unary_unary")
async def get_what_was_set(request: Any, context: Any, note: Note) -> bytes:
    context.set_code(NOT_FOUND)
    context.set_details("none")
    context.set_trailing_metadata((("a", "1"), ("b-bin", b"2")))
    note_status(context, note)
    return b"discarded"


@behaviour("unary_unary")
async def trailing_metadata_of_all_kinds(request: Any, context: Any, note: Note) -> bytes:
    context.set_trailing_metadata(
        (("a", "1"), ("a", "2"), ("spaces", "a b"), ("empty", ""), ("b-bin", b""), ("b-bin", b"\0"))
    )
    return b"kept"


@behaviour("unary_unary")
async def trailing_metadata_is_replaced(request: Any, context: Any, note: Note) -> bytes:
    context.set_trailing_metadata((("a", "1"),))
    context.set_trailing_metadata((("b", "2"),))
    return b"kept"


@behaviour("unary_unary")
async def trailing_metadata_of_other_shapes(request: Any, context: Any, note: Note) -> bytes:
    shapes: dict[str, Any] = {
        "none": None,
        "list": [("a", "1")],
        "lists": [["a", "1"]],
        "object": grpc.aio.Metadata(("c", "3"), ("c", "4")),
        "number": (("a", 1),),
        "triple": (("a", "1", "2"),),
        "bytes key": ((b"a", "1"),),
        "string": "ab",
    }
    for name, shape in shapes.items():

        def give(shape: Any = shape) -> None:
            context.set_trailing_metadata(shape)

        tried(note, name, give)
        note(repr(tuple(context.trailing_metadata())))
    context.set_trailing_metadata(shapes["object"])
    return b"kept"


@behaviour("unary_unary")
async def trailing_metadata_with_a_bad_key(request: Any, context: Any, note: Note) -> bytes:
    tried(note, "set", lambda: context.set_trailing_metadata((("Upper Case", "1"),)))
    return b"kept"


@behaviour("unary_unary")
async def trailing_metadata_with_a_line_break(request: Any, context: Any, note: Note) -> bytes:
    tried(note, "set", lambda: context.set_trailing_metadata((("a", "1\r\nb: 2"),)))
    return b"kept"


@behaviour("unary_unary")
async def details_of_wrong_type(request: Any, context: Any, note: Note) -> bytes:
    try:
        context.set_details(7)
    except TypeError:
        note("TypeError")
    return b"kept"


@behaviour("unary_stream")
async def set_code_after_messages(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    yield b"one"
    context.set_code(NOT_FOUND)
    context.set_details("no more")
    context.set_trailing_metadata((("a", "1"),))


@behaviour("unary_stream")
async def set_code_between_messages(request: Any, context: Any, note: Note) -> AsyncIterator[bytes]:
    yield b"one"
    context.set_code(NOT_FOUND)
    yield b"two"


@behaviour("stream_unary")
async def set_code_without_reading(requests: Any, context: Any, note: Note) -> bytes:
    context.set_code(NOT_FOUND)
    context.set_details("unread")
    return b"discarded"
