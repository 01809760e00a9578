"""A server of the compression cases behind a tap: `... serve_compressed ENGINE STYLE`.

Prints the tap's port; then, for each line of its stdin, the flags that have passed: as JSON, those
of all requests and of all answers. Ends with its stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import uvloop

from tercet import rpc
from tests.conformance.interop.compressed import STYLES
from tests.conformance.interop.contract import services
from tests.conformance.interop.tap import Tap


async def serve(engine: str, style: str) -> None:
    server = rpc.server(engine=engine, migration_thread_pool=ThreadPoolExecutor(8))
    tap = Tap(server.add_insecure_port("127.0.0.1:0"))
    services.add_InteropServicer_to_server(STYLES[style](tap.came_compressed), server)
    await server.start()
    print(await tap.start(), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(tap.passed()), flush=True)
    await tap.stop()
    await server.stop(5)


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
