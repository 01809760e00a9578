"""A user's own servicer, written for plain grpc.aio. Run it with:

tercet serve examples.greeter:register --workers 4 --bind 127.0.0.1:50060
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc


class Greeter(greeter_pb2_grpc.GreeterServicer):
    async def SayHello(
        self, request: greeter_pb2.SayHelloRequest, context: grpc.aio.ServicerContext
    ) -> greeter_pb2.SayHelloResponse:
        if not request.name:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "name is empty")
        metadata = dict(context.invocation_metadata() or ())
        return greeter_pb2.SayHelloResponse(
            message=f"Hello, {request.name}!",
            pid=os.getpid(),
            previous_attempts=int(metadata.get("grpc-previous-rpc-attempts", 0)),
        )

    async def SayHellos(
        self, request: greeter_pb2.SayHellosRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[greeter_pb2.SayHellosResponse]:
        if not request.name:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "name is empty")
        if not 1 <= request.count <= 1_000_000:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "count is not 1 to 1000000")
        for _ in range(request.count):
            yield greeter_pb2.SayHellosResponse(message=f"Hello, {request.name}!", pid=os.getpid())


def register(server: grpc.aio.Server) -> None:
    """Called once in each worker process."""
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
