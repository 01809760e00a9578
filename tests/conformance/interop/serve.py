"""A server process: `python -m tests.conformance.interop.serve ENGINE STYLE [CERTIFICATES]`.

Prints its port and serves until its stdin ends, so that it never outlives its parent. A process of
its own: a client's event loop, and its bugs, are not the server's. With a folder of certificates it
serves over mutual TLS.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import uvloop

from tercet import rpc
from tests.conformance.interop.contract import services
from tests.conformance.interop.servicers import STYLES


async def serve(engine: str, style: str, certificates: str | None = None) -> None:
    server = rpc.server(engine=engine, migration_thread_pool=ThreadPoolExecutor(8))
    services.add_InteropServicer_to_server(STYLES[style](), server)
    address = "127.0.0.1:0"
    if certificates is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, mutual(Path(certificates)))
    print(port, flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(5)


def mutual(folder: Path) -> grpc.ServerCredentials:
    key, chain = (folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes()
    roots = (folder / "roots.pem").read_bytes()
    return rpc.ssl_server_credentials([(key, chain)], roots, require_client_auth=True)


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
