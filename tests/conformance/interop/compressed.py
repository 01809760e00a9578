"""The servicers of gRPC's compression cases, in each style."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import grpc.aio

from tests.conformance.interop.contract import messages
from tests.conformance.interop.servicers import Coroutines, ReadersAndWriters, Threads

# Whether the next message from a peer came compressed, which a servicer cannot see.
Came = Callable[[str], bool]


REFUSAL = grpc.StatusCode.INVALID_ARGUMENT, "the message is not compressed"


def wrong(came: Came, request: Any, context: Any) -> bool:
    """Whether a request did not come as it says."""
    # Asked of each, so that the tap counts on.
    return not came(context.peer()) and bool(request.expect_compressed)


def chosen(context: Any, compressed: bool) -> None:
    """How the next message is sent, of a call that compresses."""
    if not compressed:
        context.disable_next_message_compression()


class CompressedCoroutines(Coroutines):
    def __init__(self, came: Came) -> None:
        self._came = came

    async def Unary(self, request: Any, context: Any) -> Any:
        if wrong(self._came, request, context):
            await context.abort(*REFUSAL)
        context.set_compression(grpc.Compression.Gzip)
        # Without it, grpc.aio forgets set_compression().
        await context.send_initial_metadata(())
        chosen(context, request.response_compressed)
        return messages.UnaryResponse(body=bytes(request.response_size))

    async def Upload(self, requests: AsyncIterator[Any], context: Any) -> Any:
        size = 0
        async for request in requests:
            if wrong(self._came, request, context):
                await context.abort(*REFUSAL)
            size += len(request.body)
        return messages.UploadResponse(size=size)

    async def Download(self, request: Any, context: Any) -> AsyncIterator[Any]:
        # So that the tap counts on.
        self._came(context.peer())
        context.set_compression(grpc.Compression.Gzip)
        for size, compressed in zip(request.sizes, request.compressed, strict=True):
            chosen(context, compressed)
            yield messages.DownloadResponse(body=bytes(size))


class CompressedReadersAndWriters(CompressedCoroutines, ReadersAndWriters):
    async def Upload(self, requests: Any, context: Any) -> Any:
        size = 0
        while (request := await context.read()) is not grpc.aio.EOF:
            if wrong(self._came, request, context):
                await context.abort(*REFUSAL)
            size += len(request.body)
        return messages.UploadResponse(size=size)

    async def Download(self, request: Any, context: Any) -> None:  # type: ignore[override]
        # So that the tap counts on.
        self._came(context.peer())
        context.set_compression(grpc.Compression.Gzip)
        for size, compressed in zip(request.sizes, request.compressed, strict=True):
            chosen(context, compressed)
            await context.write(messages.DownloadResponse(body=bytes(size)))


class CompressedThreads(Threads):
    def __init__(self, came: Came) -> None:
        self._came = came

    def Unary(self, request: Any, context: Any) -> Any:
        if wrong(self._came, request, context):
            context.abort(*REFUSAL)
        context.set_compression(grpc.Compression.Gzip)
        # Without it, grpc.aio forgets set_compression().
        context.send_initial_metadata(())
        chosen(context, request.response_compressed)
        return messages.UnaryResponse(body=bytes(request.response_size))

    def Upload(self, requests: Iterator[Any], context: Any) -> Any:
        size = 0
        for request in requests:
            if wrong(self._came, request, context):
                context.abort(*REFUSAL)
            size += len(request.body)
        return messages.UploadResponse(size=size)

    def Download(self, request: Any, context: Any) -> Iterator[Any]:
        # So that the tap counts on.
        self._came(context.peer())
        context.set_compression(grpc.Compression.Gzip)
        for size, compressed in zip(request.sizes, request.compressed, strict=True):
            chosen(context, compressed)
            yield messages.DownloadResponse(body=bytes(size))


STYLES: dict[str, type[Any]] = {
    "coroutines": CompressedCoroutines,
    "readers-and-writers": CompressedReadersAndWriters,
    "threads": CompressedThreads,
}
