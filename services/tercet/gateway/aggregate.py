"""Reflection over all upstreams, as if they were one server.

Lists are made from the routes. Whatever else is asked goes to the upstreams, likeliest first, and
the first that knows answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import grpc
import grpc.aio
from grpc_reflection.v1alpha import reflection_pb2

from tercet.gateway.asking import NoReflection, Request, Response, ask
from tercet.gateway.member import Member
from tercet.gateway.routes import OWN, Routes
from tercet.rpc import health, reflection
from tercet.rpc.types import Context


class AggregateReflection:
    """A servicer for `tercet.rpc.reflection.add_to`."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
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
        names = sorted([*self._routes.services(), health.SERVICE, *reflection.SERVICES])
        listed = [reflection_pb2.ServiceResponse(name=name) for name in names]
        return Response(
            original_request=request,
            list_services_response=reflection_pb2.ListServiceResponse(service=listed),
        )

    async def _ask(self, request: Request, context: Context) -> Response:
        if not request.file_containing_symbol.startswith(OWN):
            for member in self._likeliest_first(request.file_containing_symbol):
                if answer := await _ask_member(member, request):
                    return answer

        async def one() -> AsyncIterator[Request]:
            yield request

        answers = self._local.ServerReflectionInfo(one(), context)
        return cast("Response", await anext(answers))

    def _likeliest_first(self, symbol: str) -> list[Member]:
        services = self._routes.services()
        # The service's own upstream, then those whose package the symbol is in, then the rest.
        near = [
            member
            for name, member in services.items()
            if symbol == name or symbol.startswith(f"{name}.")
        ]
        package = [
            member
            for name, member in services.items()
            if symbol.startswith(f"{name.rpartition('.')[0]}.")
        ]
        return list(dict.fromkeys([*near, *package, *services.values()]))


async def _ask_member(member: Member, request: Request) -> Response | None:
    """The answer of one endpoint of an upstream; None if it does not know or cannot tell."""
    for channel in member.channels():
        try:
            answer = await ask(channel, request)
        except NoReflection:
            return None
        except grpc.aio.AioRpcError:
            continue
        return None if answer.HasField("error_response") else answer
    return None
