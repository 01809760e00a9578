"""Interceptors: what they see, and what they may do instead. And what no handler answers.

Not here, since grpc.aio takes details of its own class only: details that an interceptor made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from tests.conformance.context.behaviour import Note, behaviour

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


class Seeing(grpc.aio.ServerInterceptor):
    """Notes what it is given, before and after."""

    def __init__(self, note: Note, name: str = "seeing") -> None:
        self.note = note
        self.name = name

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        pairs = [tuple(pair) for pair in handler_call_details.invocation_metadata]
        self.note(f"{self.name}: {handler_call_details.method} {pairs}")
        handler = await continuation(handler_call_details)
        self.note(f"{self.name}: {None if handler is None else handler.unary_unary is not None}")
        return handler


class Replacing(Seeing):
    """Answers with a handler of its own."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        async def instead(request: bytes, context: Any) -> bytes:
            return b"instead of " + request

        return grpc.unary_unary_rpc_method_handler(instead)


class Refusing(Seeing):
    """Answers with a handler that aborts."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        async def refuse(request: bytes, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?", (("a", "1"),))

        return grpc.unary_unary_rpc_method_handler(refuse)


class Nothing(Seeing):
    """Says that there is no such method."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        return None


class Raising(Seeing):
    """Fails."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        raise ValueError("in an interceptor")


def first(note: Note) -> Seeing:
    return Seeing(note, "first")


def second(note: Note) -> Seeing:
    return Seeing(note, "second")


async def _echo(request: Any, context: Any, note: Note) -> Any:
    note("handler")
    return request


@behaviour("unary_unary", interceptors=[first, second], metadata=(("b", "2"), ("a", "1")))
async def interceptors_in_order(request: Any, context: Any, note: Note) -> Any:
    return await _echo(request, context, note)


@behaviour("unary_unary", interceptors=[Seeing], method="/conformance.Context/Other")
async def interceptor_of_an_unknown_method(request: Any, context: Any, note: Note) -> Any:
    return await _echo(request, context, note)


@behaviour("unary_unary", interceptors=[Replacing])
async def interceptor_replaces_the_handler(request: Any, context: Any, note: Note) -> Any:
    return await _echo(request, context, note)


@behaviour("unary_unary", interceptors=[Refusing])
async def interceptor_refuses(request: Any, context: Any, note: Note) -> Any:
    return await _echo(request, context, note)


@behaviour("unary_unary", interceptors=[Nothing])
async def interceptor_finds_nothing(request: Any, context: Any, note: Note) -> Any:
    return await _echo(request, context, note)


@behaviour("unary_unary", interceptors=[Raising])
async def interceptor_raises(request: Any, context: Any, note: Note) -> Any:
    return await _echo(request, context, note)


@behaviour("unary_unary", method="/conformance.Context/Other")
async def unknown_method(request: Any, context: Any, note: Note) -> Any:
    return await _echo(request, context, note)


@behaviour("unary_stream", method="/no.Service/Method")
async def unknown_service(request: Any, context: Any, note: Note) -> None:
    note("never")
