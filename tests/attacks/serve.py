"""A server process to be attacked: `python -m tests.attacks.serve OPTIONS [SOCKET]`.

OPTIONS are JSON. With the path of a SOCKET it listens there too, as workers do for gateways. Prints
its port and serves until its stdin ends, so that it never outlives its parent.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import grpc
import uvloop

from tercet import rpc
from tests.attacks import cores
from tests.soak.serve import METHODS, SERVICE


async def give(request: bytes, context: Any) -> bytes:
    """As many bytes as the request says."""
    # Not of zeros, of which the kernel would keep one page for all.
    return b"x" * int(request)


async def serve(options: dict[str, int], socket: str | None = None) -> None:
    cores.take(0)
    server = rpc.server(engine="native", options=list(options.items()))

    async def facts(request: bytes, context: Any) -> bytes:
        """What it has to do, this call and its connection among it, and what its limits stopped."""
        counted = server.statistics()  # type: ignore[attr-defined]
        told = {name: counted[name] for name in ("connections", "calls_running")}
        return json.dumps({**told, "limits": counted.get("limits", {})}).encode()

    methods = {
        **METHODS,
        "Give": grpc.unary_unary_rpc_method_handler(give),
        "Facts": grpc.unary_unary_rpc_method_handler(facts),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    if socket is not None:
        server.add_insecure_port(f"unix:{socket}")
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve(json.loads(sys.argv[1]), *sys.argv[2:]))
