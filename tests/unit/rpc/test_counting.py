"""What a server counts is the same whatever its engine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tercet.errors import NotFound
from tests.support import eventually, running

UNARY = grpc.unary_unary_rpc_method_handler
STREAM = grpc.unary_stream_rpc_method_handler


async def call(request: bytes, context: Any) -> bytes:
    return request


async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
    yield request
    yield request


def sync_call(request: bytes, context: Any) -> bytes:
    return request


def sync_stream(request: bytes, context: Any) -> Iterator[bytes]:
    yield request


async def aborts(request: bytes, context: Any) -> bytes:
    await context.abort(grpc.StatusCode.ABORTED, "so")
    raise AssertionError


async def sets(request: bytes, context: Any) -> bytes:
    context.set_code(grpc.StatusCode.DATA_LOSS)
    return b""


async def breaks(request: bytes, context: Any) -> bytes:
    raise KeyError("my bug")


async def lacks(request: bytes, context: Any) -> bytes:
    raise NotFound("not here")


def sync_aborts(request: bytes, context: Any) -> bytes:
    context.abort(grpc.StatusCode.ABORTED, "so")
    raise AssertionError


def sync_sets(request: bytes, context: Any) -> bytes:
    context.set_code(grpc.StatusCode.DATA_LOSS)
    return b""


def sync_breaks(request: bytes, context: Any) -> Iterator[bytes]:
    yield b""
    raise KeyError("my bug")


def sync_lacks(request: bytes, context: Any) -> bytes:
    raise NotFound("not here")


STREAMS = {each.__name__: STREAM(each) for each in (stream, sync_stream, sync_breaks)}
HANDLERS = STREAMS | {
    each.__name__: UNARY(each)
    for each in (call, sync_call, aborts, sets, breaks, lacks, sync_aborts, sync_sets, sync_lacks)
}


def made(engine: str, **handlers: Any) -> rpc.Server:
    server = rpc.server(engine=engine)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("a.B", handlers or HANDLERS),)
    )
    return server


@pytest.mark.parametrize(
    ("method", "code"),
    [
        *((name, 0) for name in ("call", "stream", "sync_call", "sync_stream")),
        *(("aborts", 10), ("sets", 15), ("breaks", 2), ("lacks", 5)),
        *(("sync_aborts", 10), ("sync_sets", 15), ("sync_breaks", 2), ("sync_lacks", 5)),
    ],
)
async def test_calls_by_method_and_code(
    engine: str, method: str, code: int, tmp_path: Path
) -> None:
    server = made(engine)
    path = f"/a.B/{method}"
    async with running(server, tmp_path) as to:
        with contextlib.suppress(grpc.aio.AioRpcError):
            if method in STREAMS:
                async for _ in to.unary_stream(path)(b"x", timeout=20):
                    pass
            else:
                await to.unary_unary(path)(b"x", timeout=20)
        await eventually(lambda: server.statistics()["calls"] == {(path, code): 1})
        counts = server.statistics()["latency"][path]
        assert sum(counts) == 1
        edges = [0.0, *server.statistics()["latency_buckets"], float("inf")]
        assert len(counts) == len(edges) - 1
        seconds = server.statistics()["seconds"][path]
        assert edges[counts.index(1)] < seconds <= edges[counts.index(1) + 1]
        assert (server.calls_begun, server.calls_running) == (1, 0)


async def test_one_that_nobody_has_is_counted_without_its_name(engine: str, tmp_path: Path) -> None:
    server = made(engine)
    async with running(server, tmp_path) as to:
        await to.unary_unary("/made.Up/Name")(b"", timeout=20).code()
        await eventually(lambda: server.statistics()["calls"] == {("", 12): 1})
        assert server.calls_begun == 1


async def test_calls_that_run(engine: str, tmp_path: Path) -> None:
    go = threading.Event()

    async def waits(request: bytes, context: Any) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async def waits_in_stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b""
        await asyncio.Event().wait()

    def waits_on_thread(request: bytes, context: Any) -> bytes:
        go.wait()
        return b""

    server = made(engine, a=UNARY(waits), b=STREAM(waits_in_stream), c=UNARY(waits_on_thread))
    async with running(server, tmp_path) as to:
        calls: list[Any] = [
            to.unary_unary("/a.B/a")(b""),
            to.unary_stream("/a.B/b")(b""),
            to.unary_unary("/a.B/c")(b""),
        ]
        await eventually(lambda: server.calls_running == 3)
        assert server.statistics()["calls_running"] == 3
        assert server.calls_begun == server.statistics()["streams_begun"] == 3
        calls[0].cancel()
        calls[1].cancel()
        await eventually(lambda: server.calls_running == 1)
        go.set()
        assert await calls[2] == b""
        await eventually(lambda: server.calls_running == 0)
        ended = server.statistics()["calls"]
        assert ended == {("/a.B/a", 1): 1, ("/a.B/b", 1): 1, ("/a.B/c", 0): 1}


async def test_work_goes_into_the_pool_once_there_is_one(engine: str, tmp_path: Path) -> None:
    server = made(engine)
    names: list[str] = []
    async with running(server, tmp_path) as to:
        assert not server.queue_in_pool(lambda: names.append("too early"))
        await to.unary_unary("/a.B/sync_call")(b"", timeout=20)
        assert server.queue_in_pool(lambda: names.append(threading.current_thread().name))
        await eventually(lambda: bool(names))
    assert names != [threading.main_thread().name]
    assert "too early" not in names


async def test_work_goes_into_a_pool_that_was_given(engine: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="given") as pool:
        server = rpc.server(pool, engine=engine)
        names: list[str] = []
        assert server.queue_in_pool(lambda: names.append(threading.current_thread().name))
        await eventually(lambda: names == ["given_0"])
    assert not server.queue_in_pool(lambda: None)
