"""A server process: `python -m tests.soak.serve ENGINE`.

Prints its port and serves until its stdin ends, so that it never outlives its parent.
"""

from __future__ import annotations

import asyncio
import collections
import ctypes
import gc
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import uvloop

from tercet import rpc

SERVICE = "soak.Soak"
# musl has none.
TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


async def echo(request: bytes, context: Any) -> bytes:
    return request


async def several(request: bytes, context: Any) -> AsyncIterator[bytes]:
    for _ in range(5):
        yield request


async def chat(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def wait(request: bytes, context: Any) -> None:
    """Until it is cancelled."""
    await asyncio.Event().wait()


async def pour(request: bytes, context: Any) -> AsyncIterator[bytes]:
    """As many messages of as many bytes as the request says, each with memory of its own."""
    size, count = map(int, request.split())
    for _ in range(count):
        yield b"p" * size


async def ignore(requests: AsyncIterator[bytes], context: Any) -> None:
    """Reads nothing until it is cancelled."""
    await asyncio.Event().wait()


async def swallow(requests: AsyncIterator[bytes], context: Any) -> bytes:
    """How many bytes of messages there were."""
    size = 0
    async for request in requests:
        size += len(request)
    return str(size).encode()


async def facts(request: bytes, context: Any) -> bytes:
    """What there is in this process, this call among it."""
    # Rubbish in cycles is none of our leaks: the next collection would take it.
    gc.collect()
    # Nor is what glibc keeps for the next messages of that size: once one of 1 MiB was freed, it
    # takes such ones from its heap, which seldom shrinks (mallopt(3), M_MMAP_THRESHOLD).
    if TRIM is not None:
        TRIM(0)
    kinds = (type(each) for each in gc.get_objects())
    ours = collections.Counter(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in kinds
        if str(kind.__module__).startswith("tercet.")
    )
    return json.dumps({"objects": ours, "tasks": len(asyncio.all_tasks())}).encode()


METHODS = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Several": grpc.unary_stream_rpc_method_handler(several),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Wait": grpc.unary_unary_rpc_method_handler(wait),
    "Pour": grpc.unary_stream_rpc_method_handler(pour),
    "Swallow": grpc.stream_unary_rpc_method_handler(swallow),
    "Ignore": grpc.stream_unary_rpc_method_handler(ignore),
    "Facts": grpc.unary_unary_rpc_method_handler(facts),
}


async def serve(engine: str) -> None:
    # A ping is a round trip to the client of these tests: there are many.
    server = rpc.server(engine=engine, options=[("grpc.http2.max_ping_strikes", 0)])
    # One that is known by its service: its methods are looked up once.
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, METHODS),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
