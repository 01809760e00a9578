"""A connection that comes while a server stops: answered, or left to the next one; never reset.

So it is where several servers accept on one socket, one after another.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import grpc
import pytest
import uvloop

from tercet import rpc
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import request
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Frame, message


async def echo(sent: bytes, context: Any) -> bytes:
    return sent


CALL = b"".join(
    [
        frames.PREFACE,
        Frame(frames.SETTINGS, 0, 0, b"").encode(),
        Frame(
            frames.HEADERS, END_HEADERS, 1, frames.block(request("", path=b"/a.B/Echo"))
        ).encode(),
        Frame(frames.DATA, END_STREAM, 1, message(b"late but here")).encode(),
    ]
)


# Turns of the loop between the client's connection and the stop.
@pytest.mark.parametrize("turns", range(8))
def test_it_is_answered_or_waits_for_the_next(turns: int) -> None:
    # The loop of workers. asyncio's own makes a connection in several turns, and forgets it where
    # its listener is closed between them.
    uvloop.run(_stop_after(turns))


async def _stop_after(turns: int) -> None:
    server = rpc.server(engine="native")
    method = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", method),))
    with socket.socket() as owned:
        owned.bind(("127.0.0.1", 0))
        owned.listen()
        server.add_insecure_port(f"fd:{owned.fileno()}")
        await server.start()
        with socket.create_connection(owned.getsockname()) as client:
            client.sendall(CALL)
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            reading = asyncio.create_task(_all(client))
            await server.stop(20)
            owned.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                owned.accept()[0].close()
                reading.cancel()
                return
            assert b"late but here" in await reading


async def _all(client: socket.socket) -> bytes:
    """What comes until the end, which is not a reset."""
    loop = asyncio.get_running_loop()
    came = b""
    while piece := await loop.sock_recv(client, 1 << 16):
        came += piece
        if b"late but here" in came:
            # It leaves, as clients do that were asked to.
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_WR)
    return came
