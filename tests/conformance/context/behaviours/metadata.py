"""Metadata that came with the call, initial metadata, and who the peer is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from tests.conformance.context.behaviour import Note, attempt, behaviour, tried


def note_invocation(context: Any, note: Note) -> None:
    for pair in context.invocation_metadata():
        note(f"{type(pair).__mro__[-2].__name__} {tuple(pair)!r}")


@behaviour("unary_unary")
async def invocation_metadata_without_any(request: Any, context: Any, note: Note) -> bytes:
    note(type(context.invocation_metadata()).__name__)
    note_invocation(context, note)
    return b""


@behaviour(
    "unary_unary",
    metadata=(
        ("b", "2"),
        ("a", "1"),
        ("b", "1"),
        ("b", "2"),
        ("empty", ""),
        ("spaces", "a  b"),
        ("comma", "a,b"),
        ("punctuation", "!\"#$%&'()*+-./:;<=>?@[]^_`{|}~"),
    ),
)
async def invocation_metadata_in_order(request: Any, context: Any, note: Note) -> bytes:
    note_invocation(context, note)
    return b""


@behaviour(
    "unary_unary",
    metadata=(
        ("all-bin", bytes(range(256))),
        ("none-bin", b""),
        ("one-bin", b"\xff"),
        ("two-bin", b"a,"),
        ("two-bin", b"bb"),
    ),
)
async def invocation_metadata_in_binary(request: Any, context: Any, note: Note) -> bytes:
    note_invocation(context, note)
    return b""


@behaviour("unary_unary", metadata=tuple((f"key-{n}", "v" * n) for n in range(80)))
async def invocation_metadata_of_some_size(request: Any, context: Any, note: Note) -> bytes:
    note_invocation(context, note)
    return b""


@behaviour("unary_unary", metadata=(("a", "1"),))
async def invocation_metadata_is_there_again(request: Any, context: Any, note: Note) -> bytes:
    note(str(context.invocation_metadata() == context.invocation_metadata()))
    return b""


@behaviour("unary_unary")
async def initial_metadata_of_all_kinds(request: Any, context: Any, note: Note) -> bytes:
    await context.send_initial_metadata(
        (("a", "1"), ("a", "2"), ("spaces", "a b"), ("empty", ""), ("b-bin", b"\0\xff"))
    )
    return b"kept"


@behaviour("unary_unary")
async def initial_metadata_twice(request: Any, context: Any, note: Note) -> bytes:
    await attempt(note, "first", context.send_initial_metadata((("a", "1"),)))
    await attempt(note, "second", context.send_initial_metadata((("b", "2"),)))
    return b"kept"


@behaviour("unary_stream")
async def initial_metadata_after_a_message(request: Any, context: Any, note: Note) -> None:
    await context.write(b"one")
    await attempt(note, "late", context.send_initial_metadata((("a", "1"),)))
    await context.write(b"two")


@behaviour("unary_unary")
async def initial_metadata_of_nothing(request: Any, context: Any, note: Note) -> bytes:
    await attempt(note, "nothing", context.send_initial_metadata(()))
    return b"kept"


@behaviour("unary_unary")
async def initial_metadata_of_a_list(request: Any, context: Any, note: Note) -> bytes:
    await attempt(note, "list", context.send_initial_metadata([("a", "1")]))
    return b"kept"


@behaviour("unary_unary")
async def initial_metadata_of_an_object(request: Any, context: Any, note: Note) -> bytes:
    await attempt(
        note, "object", context.send_initial_metadata(grpc.aio.Metadata(("a", "1"), ("a", "2")))
    )
    return b"kept"


@behaviour("unary_unary")
async def initial_metadata_of_none(request: Any, context: Any, note: Note) -> bytes:
    await attempt(note, "none", context.send_initial_metadata(None))
    return b"kept"


@behaviour("unary_unary")
async def initial_metadata_with_a_bad_key(request: Any, context: Any, note: Note) -> bytes:
    try:
        await context.send_initial_metadata((("Upper Case", "1"),))
    except Exception:
        note("refused")
    return b"kept"


# The reference's client may have the status before the handler has noted what it was refused.
@behaviour("unary_unary", until="refused")
async def initial_metadata_with_a_bad_value(request: Any, context: Any, note: Note) -> bytes:
    try:
        await context.send_initial_metadata((("a", "1\r\nb: 2"),))
    except Exception:
        note("refused")
    return b"kept"


async def await_initial_metadata_first(call: Any, messages: list[Any]) -> None:
    messages.append(tuple(await call.initial_metadata()))
    await call.write(b"now")
    await call.done_writing()
    async for message in call:
        messages.append(message)


@behaviour("stream_stream", client=await_initial_metadata_first)
async def initial_metadata_leaves_before_anything_else(
    requests: Any, context: Any, note: Note
) -> AsyncIterator[bytes]:
    await context.send_initial_metadata((("a", "1"),))
    async for request in requests:
        yield request


@behaviour("unary_unary")
async def who_the_peer_is(request: Any, context: Any, note: Note) -> bytes:
    note(re.sub(r"\d{4,}", "PORT", context.peer()))
    tried(note, "identities", context.peer_identities)
    tried(note, "identity key", context.peer_identity_key)
    return b""
