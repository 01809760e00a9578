"""Reflection over all upstreams, as if they were one server.

Lists are made from the routes. Whatever else is asked goes to the upstreams, likeliest first, and
the first that knows answers.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TypeAlias, cast

import grpc
import grpc.aio
from grpc_reflection.v1alpha import reflection_pb2

from tercet.errors import TercetError
from tercet.gateway.directory import OWN, Directory
from tercet.gateway.upstream import Upstream
from tercet.rpc import health, reflection
from tercet.rpc.types import Context

Request: TypeAlias = reflection_pb2.ServerReflectionRequest
Response: TypeAlias = reflection_pb2.ServerReflectionResponse

DEADLINE = 5.0


class AggregateReflection:
    """A servicer for `tercet.rpc.reflection.add_to`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._local = reflection.local([health.SERVICE])

    async def ServerReflectionInfo(
        self,
        request_iterator: AsyncIterator[Request],
        context: Context,
    ) -> AsyncIterator[Response]:
        async for request in request_iterator:
            if request.HasField("list_services"):
                yield self._list(request)
            else:
                yield await self._ask(request, context)

    def _list(self, request: Request) -> Response:
        names = sorted([*self._directory.services(), health.SERVICE, *reflection.SERVICES])
        listed = [reflection_pb2.ServiceResponse(name=name) for name in names]
        return Response(
            original_request=request,
            list_services_response=reflection_pb2.ListServiceResponse(service=listed),
        )

    async def _ask(self, request: Request, context: Context) -> Response:
        if not request.file_containing_symbol.startswith(OWN):
            for upstream in self._likeliest_first(request.file_containing_symbol):
                if answer := await _ask_upstream(upstream, request):
                    return answer

        async def one() -> AsyncIterator[Request]:
            yield request

        answers = self._local.ServerReflectionInfo(one(), context)
        return cast("Response", await anext(answers))

    def _likeliest_first(self, symbol: str) -> list[Upstream]:
        services = self._directory.services()
        # The service's own upstream, then those whose package the symbol is in, then the rest.
        near = [
            upstream
            for name, upstream in services.items()
            if symbol == name or symbol.startswith(f"{name}.")
        ]
        package = [
            upstream
            for name, upstream in services.items()
            if symbol.startswith(f"{name.rpartition('.')[0]}.")
        ]
        return list(dict.fromkeys([*near, *package, *services.values()]))


async def _ask_upstream(upstream: Upstream, request: Request) -> Response | None:
    """The answer of one worker of an upstream; None if it does not know or cannot tell."""
    for service in reflection.SERVICES:
        with contextlib.suppress(grpc.aio.AioRpcError, TercetError), upstream.pick() as endpoint:
            call = endpoint.channel.stream_stream(
                f"/{service}/ServerReflectionInfo",
                request_serializer=Request.SerializeToString,
                response_deserializer=Response.FromString,
            )(iter([request]), timeout=DEADLINE)
            async for answer in call:
                return None if answer.HasField("error_response") else answer
    return None
