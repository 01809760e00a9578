"""Takes every call that the gateway does not answer itself."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from tercet.gateway.directory import Directory
from tercet.gateway.forward import Context, forward


class Router(grpc.GenericRpcHandler):
    """A handler for all paths. Must be registered last.

    Args:
        directory: Where the routes are.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        # One handler per path; bounded, since callers may make up as many paths as they like.
        self._handler = functools.lru_cache(maxsize=1024)(self._make_handler)

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        return self._handler(handler_call_details.method)

    def _make_handler(self, path: str) -> grpc.RpcMethodHandler[bytes, bytes]:
        grpc_service = path.rpartition("/")[0].removeprefix("/")

        async def handle(requests: AsyncIterator[bytes], context: Context) -> None:
            with self._directory.find(grpc_service).pick() as endpoint:
                await forward(path, endpoint, requests, context)

        return grpc.stream_stream_rpc_method_handler(handle)
