"""A server of a test, whose connections are all closed before the test ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from benchmarks.ports import HOST

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(peer: Peer) -> AsyncIterator[str]:
    """Yields the address at which `peer` is called with each connection."""
    connections: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        try:
            await peer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            # The client has gone.
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async with await asyncio.start_server(accepted, HOST, 0) as server:
        yield f"{HOST}:{server.sockets[0].getsockname()[1]}"
        while connections:
            await asyncio.gather(*connections)
            connections = {task for task in connections if not task.done()}
