"""The codec of compressed messages, and the threads that take what is large off the loop."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet.rpc.native import compression
from tercet.rpc.native.compression import DEFLATE, GZIP, IDENTITY
from tercet.rpc.native.server import PACKERS, NativeServer
from tests.support import eventually, running

BOTH = pytest.mark.parametrize("encoding", [DEFLATE, GZIP])
LARGE = bytes(100_000)


@BOTH
@pytest.mark.parametrize("limit", [500, 501, -1])
def test_there_and_back(encoding: int, limit: int) -> None:
    packed = compression.compress(encoding, bytes(500))
    assert packed is not None
    assert compression.decompress(encoding, packed, limit) == bytes(500)


@BOTH
def test_one_byte_too_many(encoding: int) -> None:
    packed = compression.compress(encoding, bytes(500)) or b""
    with pytest.raises(compression.TooLarge):
        compression.decompress(encoding, packed, 499)


@BOTH
def test_what_would_grow_stays(encoding: int) -> None:
    assert compression.compress(encoding, b"hi") is None
    assert compression.compress(encoding, b"") is None


@BOTH
def test_every_truncation_is_damage(encoding: int) -> None:
    packed = compression.compress(encoding, bytes(500)) or b""
    for end in range(1, len(packed)):
        with pytest.raises(compression.Damaged):
            compression.decompress(encoding, packed[:end], 500)


@BOTH
def test_a_limit_of_nothing(encoding: int) -> None:
    """Not zlib's "no limit"."""
    empty = zlib.compress(b"", wbits=compression.WINDOW_BITS[encoding])
    assert compression.decompress(encoding, empty, 0) == b""
    with pytest.raises(compression.TooLarge):
        compression.decompress(encoding, compression.compress(encoding, bytes(500)) or b"", 0)


def test_no_encoding() -> None:
    with pytest.raises(compression.Damaged, match="no encoding"):
        compression.decompress(IDENTITY, b"x", -1)


def test_a_bomb_takes_no_more_than_the_limit() -> None:
    """1 GiB in 1 MiB."""
    limit = 2 << 20
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    assert len(bomb) < limit
    tracemalloc.start()
    try:
        with pytest.raises(compression.TooLarge):
            compression.decompress(DEFLATE, bomb, limit)
        # zlib's output grows by pieces that are joined, and what is left of the input is copied.
        assert tracemalloc.get_traced_memory()[1] < 2 * limit + len(bomb) + (1 << 20)
    finally:
        tracemalloc.stop()


def test_a_limit_that_no_memory_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        def decompress(self, data: bytes, most: int) -> bytes:
            assert most == 1 << 32
            raise MemoryError

    monkeypatch.setattr(compression.zlib, "decompressobj", lambda bits: Exhausted())
    with pytest.raises(compression.TooLarge):
        compression.decompress(GZIP, b"x", -1)


def test_only_what_is_accepted() -> None:
    fields = [(b"te", b"trailers"), (b"grpc-accept-encoding", b"identity, deflate,gzip")]
    assert compression.allowed(GZIP, fields) == GZIP
    assert compression.allowed(GZIP, [(b"grpc-accept-encoding", b"deflate")]) == IDENTITY
    assert compression.allowed(GZIP, [(b"grpc-accept-encoding", b"x-gzip")]) == IDENTITY
    assert compression.allowed(GZIP, []) == IDENTITY


# -- threads -----------------------------------------------------------------------------------


class Held(ThreadPoolExecutor):
    """Notes what is given to it, and does it when it is let."""

    def __init__(self) -> None:
        super().__init__(PACKERS)
        self.go_on = threading.Event()
        self.notes: list[tuple[str, int]] = []

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        self.notes.append((work.__name__, len(given[1])))

        def held() -> Any:
            self.go_on.wait()
            return work(*given, **named)

        return super().submit(held)


async def echo(request: bytes, context: Any) -> bytes:
    if request == b"aborts":
        await context.abort(grpc.StatusCode.ABORTED, "as asked")
    return request


async def write(request: bytes, context: Any) -> None:
    await context.write(request)
    await context.write(b"last")


async def count(requests: AsyncIterator[bytes], context: Any) -> bytes:
    return repr([len(each) async for each in requests]).encode()


class Hasty:
    """Handlers that end while a task of theirs writes, or reads."""

    def __init__(self) -> None:
        self.task: asyncio.Future[Any]
        self.threads: Held

    async def write(self, request: bytes, context: Any) -> None:
        self.task = asyncio.ensure_future(context.write(LARGE))
        await eventually(lambda: bool(self.threads.notes))

    async def read(self, requests: Any, context: Any) -> None:
        self.task = asyncio.ensure_future(context.read())
        await eventually(lambda: bool(self.threads.notes))
        await context.abort(grpc.StatusCode.ABORTED, "enough")


def held(**given: Any) -> tuple[NativeServer, Held]:
    server = NativeServer(**given)
    server.packers = threads = Held()
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Write": grpc.unary_stream_rpc_method_handler(write),
        "Count": grpc.stream_unary_rpc_method_handler(count),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", handlers),))
    return server, threads


@pytest.mark.parametrize("size", [0, 100, 16_384])
async def test_what_is_small_needs_no_thread(tmp_path: Path, size: int) -> None:
    server, threads = held(compression=grpc.Compression.Gzip)
    async with running(server, tmp_path) as channel:
        call = channel.unary_unary("/a.B/Echo")(bytes(size), compression=grpc.Compression.Gzip)
        assert await call == bytes(size)
    assert threads.notes == []


async def test_what_is_large_is_packed_and_unpacked_on_threads(tmp_path: Path) -> None:
    server, threads = held(compression=grpc.Compression.Gzip)
    threads.go_on.set()
    async with running(server, tmp_path) as channel:
        call = channel.unary_unary("/a.B/Echo")(LARGE, compression=grpc.Compression.Gzip)
        assert await call == LARGE
    (unpacking, packed), packing = threads.notes
    # Small as it came, it turned out to be large.
    assert unpacking == "decompress"
    assert packed < 16_384
    assert packing == ("compress", len(LARGE))


@pytest.mark.parametrize("method", ["Echo", "Write"])
async def test_others_are_answered_while_a_large_answer_is_packed(
    tmp_path: Path, method: str
) -> None:
    server, threads = held(compression=grpc.Compression.Gzip)
    async with running(server, tmp_path) as channel:
        kind: Any = channel.unary_unary if method == "Echo" else channel.unary_stream
        call = kind(f"/a.B/{method}")(LARGE)
        await eventually(lambda: bool(threads.notes))
        assert await channel.unary_unary("/a.B/Echo")(b"hi") == b"hi"
        threads.go_on.set()
        if method == "Echo":
            assert await call == LARGE
        else:
            assert [each async for each in call] == [LARGE, b"last"]


@pytest.mark.parametrize("method", ["Echo", "Write", "Count"])
@pytest.mark.parametrize("how", ["cancel", "deadline"])
async def test_a_call_may_end_while_a_thread_is_at_it(
    tmp_path: Path, method: str, how: str
) -> None:
    server, threads = held(compression=grpc.Compression.Gzip)
    kind = {"Echo": "unary_unary", "Write": "unary_stream", "Count": "stream_unary"}[method]
    async with running(server, tmp_path) as channel:
        request: Any = LARGE if method != "Count" else iter([LARGE])
        call = getattr(channel, kind)(f"/a.B/{method}")(
            request,
            timeout=0.2 if how == "deadline" else None,
            compression=grpc.Compression.Gzip if method == "Count" else None,
        )
        await eventually(lambda: bool(threads.notes))
        if how == "cancel":
            call.cancel()
        ended = grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED
        assert await call.code() is ended[how == "deadline"]
        await eventually(lambda: server.statistics()["calls_running"] == 0)
        threads.go_on.set()
        assert await channel.unary_unary("/a.B/Echo")(LARGE) == LARGE


async def test_a_handler_may_end_before_its_write(tmp_path: Path) -> None:
    server, threads = held(compression=grpc.Compression.Gzip)
    hasty = Hasty()
    hasty.threads = threads
    handler: Any = grpc.unary_stream_rpc_method_handler(hasty.write)  # type: ignore[arg-type]
    server.add_registered_method_handlers("a.C", {"Write": handler})
    async with running(server, tmp_path) as channel:
        call = channel.unary_stream("/a.C/Write")(b"")
        assert [each async for each in call] == []
        assert await call.code() is grpc.StatusCode.OK
        threads.go_on.set()
        with pytest.raises(grpc.aio.UsageError, match="already finished"):
            await hasty.task


async def test_a_call_is_aborted_once(tmp_path: Path) -> None:
    """Although what a task of it reads meanwhile is a bomb."""
    server, threads = held(options=[("grpc.max_receive_message_length", 50_000)])
    hasty = Hasty()
    hasty.threads = threads
    handler: Any = grpc.stream_unary_rpc_method_handler(hasty.read)
    server.add_registered_method_handlers("a.C", {"Read": handler})
    async with running(server, tmp_path) as channel:
        method = channel.stream_unary("/a.C/Read")
        call = method(iter([LARGE]), compression=grpc.Compression.Gzip)
        assert await call.code() is grpc.StatusCode.ABORTED
        threads.go_on.set()
        with pytest.raises(grpc.aio.AbortError):
            await hasty.task


async def test_bombs_at_once_take_the_memory_of_as_many_as_there_are_threads(
    tmp_path: Path,
) -> None:
    limit, bomb, calls = 2 << 20, bytes(16 << 20), 12
    server, threads = held(options=[("grpc.max_receive_message_length", limit)])
    async with running(server, tmp_path) as channel:
        method = channel.unary_unary("/a.B/Echo")
        running_calls = [method(bomb, compression=grpc.Compression.Gzip) for _ in range(calls)]
        await eventually(lambda: len(threads.notes) == calls)
        tracemalloc.start()
        try:
            threads.go_on.set()
            codes = await asyncio.gather(*[call.code() for call in running_calls])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * calls
    assert peak < PACKERS * 2 * limit + (4 << 20)


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(ValueError, match=r"default_compression_algorithm.*must be 0"):
        NativeServer(options=[("grpc.default_compression_algorithm", 7)])
