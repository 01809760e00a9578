"""A client that reads slowly is served for as long as it reads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc

from tercet import rpc
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Frame, block, message

FIELDS = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/a.B/Pour"),
    (b":authority", b"x"),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
]
# Much more than the buffers of the sockets, and little enough for one write of the transport.
ANSWER = 250_000
# Bytes and seconds: six times as long as the server waits for who reads nothing.
STEP, PAUSE = 4096, 0.05


async def pour(request: bytes, context: Any) -> AsyncIterator[bytes]:
    while True:
        yield bytes(ANSWER)


async def test_what_the_transport_keeps_is_read_too() -> None:
    """Of it nothing more is written for minutes."""
    listener, client = socket.socket(), socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = rpc.server(engine="native", options=[("tercet.stalled_ms", 500)])
    methods: dict[str, Any] = {"Pour": grpc.unary_stream_rpc_method_handler(pour)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", methods),))
    server.add_insecure_port(f"fd:{listener.fileno()}")
    await server.start()
    loop = asyncio.get_running_loop()
    client.setblocking(False)
    await loop.sock_connect(client, listener.getsockname())
    large = (0x7FFFFFFF).to_bytes(4)
    sent = [
        Frame(frames.SETTINGS, 0, 0, b"\x00\x04" + large),
        Frame(frames.WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4)),
        Frame(frames.HEADERS, END_HEADERS, 1, block(FIELDS)),
        Frame(frames.DATA, END_STREAM, 1, message(b"")),
    ]
    data = frames.PREFACE + b"".join(each.encode() for each in sent)
    await loop.sock_sendall(client, data)
    try:
        for _ in range(60):
            await asyncio.sleep(PAUSE)
            assert await loop.sock_recv(client, STEP)
        limits = server.statistics()["limits"]  # type: ignore[attr-defined]
        assert limits["stalled"] == 0
    finally:
        client.close()
        listener.close()
        await server.stop(0)
