"""What several tests need: a server on a socket, and waiting for a condition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio


@asynccontextmanager
async def running(server: grpc.aio.Server, folder: Path) -> AsyncIterator[grpc.aio.Channel]:
    """Starts a server on a UNIX socket and yields a channel to it."""
    address = f"unix:{folder}/s"
    server.add_insecure_port(address)
    await server.start()
    try:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            yield channel
    finally:
        await server.stop(0)


async def eventually(condition: Callable[[], bool], *, within: float = 10.0) -> None:
    """Waits until a condition holds.

    Raises:
        AssertionError: It did not hold within so many seconds.
    """
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"did not hold within {within} s"
        await asyncio.sleep(0.01)
