"""A plain service of a user's own: examples/greeter, and beside it a call of each other kind.

Each call says at once, in its initial metadata, which worker runs it: so a test knows of a worker
that it has killed what that one was running.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from examples.greeter import register as register_greeter
from tests.soak import serve as soak
from tests.soak.mixed import servicer as mixed

RUNS_IN = "worker-pid"


async def echo(request: bytes, context: Any) -> bytes:
    await _tell(context)
    return await mixed.echo(request, context)


async def pour(request: bytes, context: Any) -> AsyncIterator[bytes]:
    await _tell(context)
    async for message in mixed.pour(request, context):
        yield message


async def digest(requests: AsyncIterator[bytes], context: Any) -> bytes:
    await _tell(context)
    return await mixed.digest(requests, context)


async def chat(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    await _tell(context)
    async for message in mixed.chat(requests, context):
        yield message


async def _tell(context: Any) -> None:
    await context.send_initial_metadata(((RUNS_IN, str(os.getpid())),))


def register(server: grpc.aio.Server) -> None:
    register_greeter(server)
    methods: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Pour": grpc.unary_stream_rpc_method_handler(pour),
        "Digest": grpc.stream_unary_rpc_method_handler(digest),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    }
    for service, its in ((mixed.SERVICE, methods), (soak.SERVICE, soak.METHODS)):
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, its),))
