"""What a server refuses, and who calls, look on each engine as they look on grpc.aio."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tests.conformance.conftest import REFERENCE

OPTIONS = [("grpc.use_local_subchannel_pool", 1)]


class Held:
    """/a.B/Hold answers when it is let go on; /a.B/Who with the peer."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()

    def add_to(self, server: grpc.aio.Server) -> None:
        hold: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(self._hold)
        who: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(self._who)
        methods = {"Hold": hold, "Who": who}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", methods),))

    async def _hold(self, request: bytes, context: Any) -> bytes:
        self.started.set()
        await self.go_on.wait()
        return b"held"

    async def _who(self, request: bytes, context: Any) -> bytes:
        return str(context.peer()).encode()


@asynccontextmanager
async def serving(
    engine: str, held: Held, address: str = "127.0.0.1:0", **given: Any
) -> AsyncIterator[Any]:
    server = rpc.server(engine=engine, **given)
    held.add_to(server)
    port = server.add_insecure_port(address)
    await server.start()
    target = address.replace(":0", f":{port}")
    try:
        async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
            yield channel
    finally:
        await server.stop(0)


async def outcome(call: Any) -> tuple[Any, str]:
    return await call.code(), await call.details()


async def test_maximum_concurrent_rpcs(engine: str) -> None:
    async def observe(engine: str) -> list[Any]:
        held = Held()
        async with serving(engine, held, maximum_concurrent_rpcs=1) as channel:
            hold = channel.unary_unary("/a.B/Hold")
            first = hold(b"")
            await held.started.wait()
            seen = [await outcome(hold(b""))]
            # An unknown method is unknown even then.
            seen.append(await outcome(channel.unary_unary("/a.B/Nobody")(b"")))
            held.go_on.set()
            seen.append(await outcome(first))
            return seen

    assert await observe(engine) == await observe(REFERENCE)


@pytest.mark.parametrize("size", [1000, 4000, 40_000])
async def test_metadata_of_a_size(engine: str, size: int) -> None:
    """Only the code: the details say how the limit is kept."""

    async def observe(engine: str) -> Any:
        async with serving(engine, Held()) as channel:
            call = channel.unary_unary("/a.B/Who")(b"", metadata=(("a", "1" * size),))
            return (await outcome(call))[0]

    assert await observe(engine) == await observe(REFERENCE)


async def test_the_peer_of_a_unix_socket(engine: str, tmp_path: Path) -> None:
    async def observe(engine: str) -> bytes:
        async with serving(engine, Held(), f"unix:{tmp_path}/{engine}") as channel:
            answer: bytes = await channel.unary_unary("/a.B/Who")(b"")
            return answer

    assert await observe(engine) == await observe(REFERENCE)


async def test_the_peer_of_ipv6(engine: str) -> None:
    async def observe(engine: str) -> str:
        async with serving(engine, Held(), "[::1]:0") as channel:
            answer = await channel.unary_unary("/a.B/Who")(b"")
            return re.sub(r"\d+$", "PORT", answer.decode())

    assert await observe(engine) == await observe(REFERENCE)
