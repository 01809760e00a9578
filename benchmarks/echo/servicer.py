"""For plain grpc.aio; the native engine runs the same one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from benchmarks.echo.v1 import echo_pb2, echo_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class Echo(echo_pb2_grpc.EchoServiceServicer):
    async def Echo(self, request: echo_pb2.EchoRequest, context: Context) -> echo_pb2.EchoResponse:
        return echo_pb2.EchoResponse(payload=request.payload)

    async def Stream(
        self, request: echo_pb2.StreamRequest, context: Context
    ) -> AsyncIterator[echo_pb2.StreamResponse]:
        payload = bytes(request.size)
        for _ in range(request.count):
            yield echo_pb2.StreamResponse(payload=payload)

    async def Converse(
        self, requests: AsyncIterator[echo_pb2.ConverseRequest], context: Context
    ) -> AsyncIterator[echo_pb2.ConverseResponse]:
        async for request in requests:
            yield echo_pb2.ConverseResponse(payload=request.payload)


def register(server: grpc.aio.Server) -> None:
    echo_pb2_grpc.add_EchoServiceServicer_to_server(Echo(), server)  # type: ignore[no-untyped-call]
