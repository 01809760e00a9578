"""TLS on asyncio's own loop, whose way of reading into a buffer is not uvloop's."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme

from tercet import rpc
from tests.conformance.tls.conftest import pair, root


async def digest(request: bytes, context: Any) -> bytes:
    return hashlib.sha256(request).digest()


@pytest.mark.parametrize("size", [10, 16_000, 40_000, 1_000_000, 4_000_000])
async def test_a_request_of_several_records_arrives(size: int) -> None:
    """Records of 16 KiB, of which one read takes as many as have come."""
    assert type(asyncio.get_running_loop()).__module__.startswith("asyncio.")
    authority = trustme.CA()
    credentials = rpc.ssl_server_credentials([pair(authority.issue_cert("localhost"))])
    server = rpc.server(engine="native")
    methods: dict[str, Any] = {"Digest": grpc.unary_unary_rpc_method_handler(digest)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", methods),))
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    options = [("grpc.ssl_target_name_override", "localhost")]
    trusted = grpc.ssl_channel_credentials(root(authority))
    try:
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", trusted, options) as channel:
            sent = random.Random(size).randbytes(size)
            answer = await channel.unary_unary("/a.B/Digest")(sent, timeout=20)
            assert answer == hashlib.sha256(sent).digest()
            # Its connection is open, and is closed.
            await server.stop(0)
    finally:
        await server.stop(0)
