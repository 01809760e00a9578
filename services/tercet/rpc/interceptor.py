"""The interceptor that turns a `TercetError` raised by a handler into its gRPC status."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

import grpc
import grpc.aio

from tercet.errors import TercetError
from tercet.rpc.status import status_of
from tercet.rpc.types import MethodHandler

Behaviour = Callable[[Any, Any], Any]


class DomainErrors(grpc.aio.ServerInterceptor):
    """Answers `TercetError`s by the table in `tercet.rpc.status`; other exceptions pass.

    Handles every style of handler that grpc.aio takes: coroutines, async generators, plain
    functions and generators.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[MethodHandler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> MethodHandler | None:
        handler = await continuation(handler_call_details)
        # None means: no such method; the engine answers UNIMPLEMENTED.
        return handler if handler is None else _wrapped(handler)


@functools.lru_cache(maxsize=1024)
def _wrapped(handler: MethodHandler) -> MethodHandler:
    given = cast("Any", handler)
    shape = (given.request_streaming, given.response_streaming)
    behaviour, factory = {
        (False, False): (given.unary_unary, grpc.unary_unary_rpc_method_handler),
        (False, True): (given.unary_stream, grpc.unary_stream_rpc_method_handler),
        (True, False): (given.stream_unary, grpc.stream_unary_rpc_method_handler),
        (True, True): (given.stream_stream, grpc.stream_stream_rpc_method_handler),
    }[shape]
    return factory(
        _mapped(behaviour),
        request_deserializer=given.request_deserializer,
        response_serializer=given.response_serializer,
    )


def _mapped(behaviour: Behaviour) -> Behaviour:
    if inspect.isasyncgenfunction(behaviour):

        @functools.wraps(behaviour)
        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                async for response in behaviour(request, context):
                    yield response
            except TercetError as error:
                await context.abort_with_status(status_of(error))

        return stream
    if inspect.iscoroutinefunction(behaviour):

        @functools.wraps(behaviour)
        async def call(request: Any, context: Any) -> Any:
            try:
                return await behaviour(request, context)
            except TercetError as error:
                await context.abort_with_status(status_of(error))

        return call
    if inspect.isgeneratorfunction(behaviour):

        @functools.wraps(behaviour)
        def sync_stream(request: Any, context: Any) -> Iterator[Any]:
            try:
                yield from behaviour(request, context)
            except TercetError as error:
                # Not abort(): it would race with the send of what was yielded before, which the
                # generator's thread does not wait for ("too many operations").
                status = status_of(error)
                context.set_trailing_metadata(status.trailing_metadata)
                context.set_details(status.details)
                context.set_code(status.code)

        return sync_stream

    @functools.wraps(behaviour)
    def sync_call(request: Any, context: Any) -> Any:
        try:
            return behaviour(request, context)
        except TercetError as error:
            # The context that grpc.aio gives to plain functions has no abort_with_status.
            status = status_of(error)
            context.set_trailing_metadata(status.trailing_metadata)
            context.abort(status.code, status.details)

    return sync_call
