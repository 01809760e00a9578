"""Tercet's native engine on uvloop: the runtime alone, without a mesh around it."""

from __future__ import annotations

import uvloop

import tercet.rpc
from benchmarks.echo.servicer import register
from benchmarks.peers.echo import TLS, UNLIMITED, EchoPeer, bind, module, ready

PEER = EchoPeer("native", "Tercet native", module("benchmarks.peers.native"))
SECURED = EchoPeer(
    "native-tls", "Tercet native, TLS", module("benchmarks.peers.native", TLS), tls=True
)


async def main() -> None:
    server = tercet.rpc.server(engine="native", options=UNLIMITED)
    register(server)
    port = bind(server, tercet.rpc.ssl_server_credentials)
    await server.start()
    ready(port)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
