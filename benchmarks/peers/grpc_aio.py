"""grpc.aio on uvloop, with the same servicer as the native engine."""

from __future__ import annotations

import grpc.aio
import uvloop

from benchmarks.echo.servicer import register
from benchmarks.peers.echo import UNLIMITED, EchoPeer, module, ready

PEER = EchoPeer("grpc-aio", "grpc.aio, uvloop", module("benchmarks.peers.grpc_aio"))


async def main() -> None:
    server = grpc.aio.server(options=UNLIMITED)
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready(port)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
