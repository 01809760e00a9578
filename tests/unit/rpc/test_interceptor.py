"""Domain errors become statuses in every style of handler; other exceptions are left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tercet.errors import NotFound
from tests.support import running


async def coroutine(request: bytes, context: Any) -> bytes:
    raise NotFound("gone", reason="GONE")


async def generator(request: bytes, context: Any) -> AsyncIterator[bytes]:
    yield b"one"
    raise NotFound("gone", reason="GONE")


async def writer(request: bytes, context: Any) -> None:
    await context.write(b"one")
    raise NotFound("gone", reason="GONE")


def function(request: bytes, context: Any) -> bytes:
    raise NotFound("gone", reason="GONE")


def sync_generator(request: bytes, context: Any) -> Iterator[bytes]:
    yield b"one"
    raise NotFound("gone", reason="GONE")


@pytest.mark.parametrize("behaviour", [coroutine, function])
async def test_unary(behaviour: Callable[..., Any], engine: str, tmp_path: Path) -> None:
    handler = grpc.unary_unary_rpc_method_handler(behaviour)
    async with serve(handler, engine, tmp_path) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/a.B/C")(b"")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert b"GONE" in dict(caught.value.trailing_metadata())["grpc-status-details-bin"]


@pytest.mark.parametrize("behaviour", [generator, writer, sync_generator])
async def test_streams_keep_what_was_sent_before(
    behaviour: Callable[..., Any], engine: str, tmp_path: Path
) -> None:
    handler = grpc.unary_stream_rpc_method_handler(behaviour)
    received = []
    async with serve(handler, engine, tmp_path) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for message in channel.unary_stream("/a.B/C")(b""):
                received.append(message)
    assert received == [b"one"]
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_other_exceptions_are_answered_as_the_engine_does(
    engine: str, tmp_path: Path
) -> None:
    async def broken(request: bytes, context: Any) -> bytes:
        raise KeyError("x")

    async with serve(grpc.unary_unary_rpc_method_handler(broken), engine, tmp_path) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/a.B/C")(b"")
    assert caught.value.code() is grpc.StatusCode.UNKNOWN


async def test_an_unknown_method_stays_unimplemented(engine: str, tmp_path: Path) -> None:
    async with serve(grpc.unary_unary_rpc_method_handler(coroutine), engine, tmp_path) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/a.B/D")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def serve(handler: Any, engine: str, folder: Path) -> Any:
    server = rpc.server(engine=engine, migration_thread_pool=ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", {"C": handler}),))
    return running(server, folder)
