"""The greeter of the cluster's report; how much it has to do for a call says BENCH_WORK.

Run with `tercet serve benchmarks.peers.hello:register`.
"""

from __future__ import annotations

import asyncio
import os

import grpc.aio

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc

WORK = os.environ.get("BENCH_WORK", "none")


def compute() -> int:
    """About 1 ms of Python."""
    total = 0
    for number in range(20_000):
        total += number * number % 7
    return total


Context = grpc.aio.ServicerContext[greeter_pb2.SayHelloRequest, greeter_pb2.SayHelloResponse]


class Greeter(greeter_pb2_grpc.GreeterServicer):
    async def SayHello(
        self, request: greeter_pb2.SayHelloRequest, context: Context
    ) -> greeter_pb2.SayHelloResponse:
        if WORK == "wait":
            await asyncio.sleep(0.005)
        elif WORK == "compute":
            compute()
        return greeter_pb2.SayHelloResponse(message=f"Hello, {request.name}!", pid=os.getpid())


def register(server: grpc.aio.Server) -> None:
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)  # type: ignore[no-untyped-call]
