"""What is behind the proxies: the echo contract, with as little work for each call as we can do.

Nothing is parsed but the requests of streams, and messages are not made anew. A message of a stream
leaves in a turn of the loop of its own, as one that an event has caused would; so a proxy meets
each as a frame, where the native engine would put many into one.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

import tercet.rpc
from benchmarks.cases import SERVICE
from benchmarks.echo.v1 import echo_pb2
from benchmarks.peers.echo import ANY, UNLIMITED, EchoPeer, module, ready

PEER = EchoPeer("backend", "straight to the backend", module("benchmarks.peers.backend"))


async def echo(request: bytes, context: object) -> bytes:
    # Requests and answers of the contract are alike.
    return request


async def stream(request: echo_pb2.StreamRequest, context: object) -> AsyncIterator[bytes]:
    message = answer(request.size)
    for _ in range(request.count):
        yield message
        await asyncio.sleep(0)


@functools.cache
def answer(size: int) -> bytes:
    made: bytes = echo_pb2.StreamResponse(payload=bytes(size)).SerializeToString()
    return made


def handlers() -> grpc.GenericRpcHandler:
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Stream": grpc.unary_stream_rpc_method_handler(
            stream, request_deserializer=echo_pb2.StreamRequest.FromString
        ),
    }
    return grpc.method_handlers_generic_handler(SERVICE.strip("/"), methods)


async def main() -> None:
    server = tercet.rpc.server(engine="native", options=UNLIMITED)
    server.add_generic_rpc_handlers((handlers(),))
    port = server.add_insecure_port(ANY)
    await server.start()
    ready(port)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
