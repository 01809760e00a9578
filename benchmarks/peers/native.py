"""Tercet's native engine on uvloop: the runtime alone, without a mesh around it."""

from __future__ import annotations

import uvloop

import tercet.rpc
from benchmarks.echo.servicer import register
from benchmarks.peers.echo import UNLIMITED, EchoPeer, module, ready

PEER = EchoPeer("native", "Tercet native", module("benchmarks.peers.native"))


async def main() -> None:
    server = tercet.rpc.server(engine="native", options=UNLIMITED)
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ready(port)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
