"""A behaviour: one thing that a handler does with its context, and what a client does to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import grpc.aio

Kind = Literal["unary_unary", "unary_stream", "stream_unary", "stream_stream"]
Note = Callable[[str], None]
Metadata = tuple[tuple[str, str | bytes], ...]
Client = Callable[[Any, list[Any]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What is run on an engine.

    Attributes:
        kind: How the handler is registered.
        handler: Takes a request, a context and `note`, by which it tells what only a server sees.
        client_kind: How the client calls it; another one than `kind` sends a number of messages
            that the handler does not expect.
        requests: What the client sends before it half-closes. Messages are bytes throughout.
        client: Drives the call instead: takes the call and a list for the messages it receives.
        until: A note to wait for before the server's notes are read.
        method: The method that is called, if it is not the handler's.
        metadata: The call's.
        timeout: The call's deadline in seconds, of which the default ends what fails to end; None
            for no deadline.
        deserializer, serializer: The handler's.
        interceptors, options: The server's.
        worded: Whether the status's details are to be the reference's word for word; not where they
            only say how the reference is made.
    """

    name: str
    kind: Kind
    handler: Callable[..., Any]
    client_kind: Kind
    requests: Sequence[bytes]
    client: Client | None = None
    until: str | None = None
    method: str | None = None
    metadata: Metadata = ()
    timeout: float | None = 10
    deserializer: Callable[[bytes], Any] | None = None
    serializer: Callable[[Any], bytes] | None = None
    interceptors: Sequence[Callable[[Note], grpc.aio.ServerInterceptor]] = ()
    options: Sequence[tuple[str, Any]] = ()
    worded: bool = True


TABLE: list[Behaviour] = []

Handler = Callable[..., Any]


def behaviour(
    kind: Kind,
    *,
    client_kind: Kind | None = None,
    requests: Sequence[bytes] | None = None,
    **given: Any,
) -> Callable[[Handler], Handler]:
    """Puts the decorated handler into the table, under its own name."""

    def add(handler: Handler) -> Handler:
        called = client_kind or kind
        sent = (b"one", b"two") if called.startswith("stream") else (b"one",)
        TABLE.append(
            Behaviour(
                name=handler.__name__,
                kind=kind,
                handler=handler,
                client_kind=called,
                requests=sent if requests is None else requests,
                **given,
            )
        )
        return handler

    return add


async def attempt(note: Note, what: str, made: Any) -> None:
    """Notes how an awaitable of the context ends."""
    try:
        await made
    except Exception as error:
        note(f"{what}: {type(error).__name__}: {error}")
    else:
        note(f"{what}: fine")


def tried(note: Note, what: str, function: Callable[[], object]) -> None:
    """Notes what a plain method of the context gives."""
    try:
        note(f"{what}: {function()!r}")
    except Exception as error:
        note(f"{what}: {type(error).__name__}: {error}")
