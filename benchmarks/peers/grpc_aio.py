"""grpc.aio on uvloop, with the same servicer as the native engine."""

from __future__ import annotations

import grpc
import grpc.aio
import uvloop

from benchmarks.echo.servicer import register
from benchmarks.peers.echo import TLS, UNLIMITED, EchoPeer, bind, module, ready

PEER = EchoPeer("grpc-aio", "grpc.aio, uvloop", module("benchmarks.peers.grpc_aio"))
SECURED = EchoPeer(
    "grpc-aio-tls", "grpc.aio, uvloop, TLS", module("benchmarks.peers.grpc_aio", TLS), tls=True
)


async def main() -> None:
    server = grpc.aio.server(options=UNLIMITED)
    register(server)
    port = bind(server, grpc.ssl_server_credentials)
    await server.start()
    ready(port)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
