"""The servicer of the contract in each of the styles that grpc.aio takes.

Servicers say what is asked of them with nothing but gRPC's own means, so that whatever is answered
is the engine's doing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio

from tests.conformance.interop.contract import ECHO_INITIAL, ECHO_TRAILING, messages, services

CODES = {code.value[0]: code for code in grpc.StatusCode}


def echoes(context: Any, key: str) -> tuple[tuple[str, str | bytes], ...]:
    return tuple(pair for pair in context.invocation_metadata() if pair[0] == key)


class Coroutines(services.InteropServicer):  # type: ignore[misc]
    """Coroutines and async generators."""

    async def Empty(self, request: Any, context: Any) -> Any:
        return messages.EmptyResponse()

    async def Unary(self, request: Any, context: Any) -> Any:
        await self._echo(context)
        if request.HasField("status"):
            await context.abort(CODES[request.status.code], request.status.message)
        return messages.UnaryResponse(body=bytes(request.response_size))

    async def Upload(self, requests: AsyncIterator[Any], context: Any) -> Any:
        return messages.UploadResponse(size=sum([len(each.body) async for each in requests]))

    async def Download(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for size in request.sizes:
            yield messages.DownloadResponse(body=bytes(size))

    async def Converse(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        await self._echo(context)
        async for request in requests:
            if request.HasField("status"):
                await context.abort(CODES[request.status.code], request.status.message)
            for size in request.sizes:
                yield messages.ConverseResponse(body=bytes(size))

    async def _echo(self, context: Any) -> None:
        context.set_trailing_metadata(echoes(context, ECHO_TRAILING))
        if initial := echoes(context, ECHO_INITIAL):
            await context.send_initial_metadata(initial)


class ReadersAndWriters(Coroutines):
    """Streams by context.read() and context.write()."""

    async def Upload(self, requests: Any, context: Any) -> Any:
        size = 0
        while (request := await context.read()) is not grpc.aio.EOF:
            size += len(request.body)
        return messages.UploadResponse(size=size)

    async def Download(self, request: Any, context: Any) -> None:  # type: ignore[override]
        for size in request.sizes:
            await context.write(messages.DownloadResponse(body=bytes(size)))

    async def Converse(self, requests: Any, context: Any) -> None:  # type: ignore[override]
        await self._echo(context)
        while (request := await context.read()) is not grpc.aio.EOF:
            if request.HasField("status"):
                context.set_code(CODES[request.status.code])
                context.set_details(request.status.message)
                return
            for size in request.sizes:
                await context.write(messages.ConverseResponse(body=bytes(size)))


class Threads(services.InteropServicer):  # type: ignore[misc]
    """Plain functions and generators, which run on the server's thread pool."""

    def Empty(self, request: Any, context: Any) -> Any:
        return messages.EmptyResponse()

    def Unary(self, request: Any, context: Any) -> Any:
        self._echo(context)
        if request.HasField("status"):
            context.abort(CODES[request.status.code], request.status.message)
        return messages.UnaryResponse(body=bytes(request.response_size))

    def Upload(self, requests: Iterator[Any], context: Any) -> Any:
        return messages.UploadResponse(size=sum(len(each.body) for each in requests))

    def Download(self, request: Any, context: Any) -> Iterator[Any]:
        for size in request.sizes:
            yield messages.DownloadResponse(body=bytes(size))

    def Converse(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        self._echo(context)
        for request in requests:
            if request.HasField("status"):
                # Not abort(), which a generator of grpc.aio must not call beside its last send.
                context.set_code(CODES[request.status.code])
                context.set_details(request.status.message)
                return
            for size in request.sizes:
                yield messages.ConverseResponse(body=bytes(size))

    def _echo(self, context: Any) -> None:
        context.set_trailing_metadata(echoes(context, ECHO_TRAILING))
        if initial := echoes(context, ECHO_INITIAL):
            context.send_initial_metadata(initial)


STYLES: dict[str, type[Any]] = {
    "coroutines": Coroutines,
    "readers-and-writers": ReadersAndWriters,
    "threads": Threads,
}
