"""A server process: `python -m tests.conformance.interop.serve ENGINE STYLE`.

Prints its port and serves until its stdin ends, so that it never outlives its parent. A process of
its own: a client's event loop, and its bugs, are not the server's.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import uvloop

from tercet import rpc
from tests.conformance.interop.contract import services
from tests.conformance.interop.servicers import STYLES


async def serve(engine: str, style: str) -> None:
    server = rpc.server(engine=engine, migration_thread_pool=ThreadPoolExecutor(8))
    services.add_InteropServicer_to_server(STYLES[style](), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(5)


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
