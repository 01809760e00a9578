"""grpc's server of threads, with as many as its own examples give it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from benchmarks.echo.v1 import echo_pb2, echo_pb2_grpc
from benchmarks.peers.echo import UNLIMITED, EchoPeer, module, ready

PEER = EchoPeer("grpc-sync", "grpc, 10 threads", module("benchmarks.peers.grpc_sync"))
THREADS = 10


class Echo(echo_pb2_grpc.EchoServiceServicer):
    def Echo(
        self, request: echo_pb2.EchoRequest, context: grpc.ServicerContext
    ) -> echo_pb2.EchoResponse:
        return echo_pb2.EchoResponse(payload=request.payload)

    def Stream(
        self, request: echo_pb2.StreamRequest, context: grpc.ServicerContext
    ) -> Iterator[echo_pb2.StreamResponse]:
        payload = bytes(request.size)
        for _ in range(request.count):
            yield echo_pb2.StreamResponse(payload=payload)

    def Converse(
        self, requests: Iterator[echo_pb2.ConverseRequest], context: grpc.ServicerContext
    ) -> Iterator[echo_pb2.ConverseResponse]:
        for request in requests:
            yield echo_pb2.ConverseResponse(payload=request.payload)


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(THREADS), options=UNLIMITED)
    echo_pb2_grpc.add_EchoServiceServicer_to_server(Echo(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ready(port)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
