"""Runs in its own environment, with stubs that its own plugin made."""
# mypy: ignore-errors
# Neither is in the environment that mypy sees.

from __future__ import annotations

import asyncio
import socket

import uvloop
from benchmarks.echo.v1.echo_grpc import EchoServiceBase
from grpclib.server import Server, Stream

from benchmarks.echo.v1 import echo_pb2

# As many as gRPC's own servers let wait.
BACKLOG = 4096


class Echo(EchoServiceBase):
    async def Echo(self, stream: Stream) -> None:
        request = await stream.recv_message()
        await stream.send_message(echo_pb2.EchoResponse(payload=request.payload))

    async def Stream(self, stream: Stream) -> None:
        request = await stream.recv_message()
        payload = bytes(request.size)
        for _ in range(request.count):
            await stream.send_message(echo_pb2.StreamResponse(payload=payload))

    async def Converse(self, stream: Stream) -> None:
        async for request in stream:
            await stream.send_message(echo_pb2.ConverseResponse(payload=request.payload))


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    server = Server([Echo()])
    await server.start(sock=listener, backlog=BACKLOG)
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
