"""Calls that end oddly end all the same, and take nothing with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tests.support import eventually, running

LARGE = "x" * 70_000
LONE = "\ud800"


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Service:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.go_on = asyncio.Event()
        self.contexts: list[Any] = []

    async def fail(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"1"
        raise ValueError(LARGE)

    async def trailers(self, request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("a", LARGE),))
        return b"answer"

    async def headers(self, request: bytes, context: Any) -> bytes:
        await context.send_initial_metadata((("a", LARGE),))
        return b"answer"

    async def lone(self, request: bytes, context: Any) -> bytes:
        raise ValueError(LONE)

    async def aborted(self, request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.ABORTED, f"about {LONE}")
        return b""

    async def details(self, request: bytes, context: Any) -> bytes:
        context.set_details(f"about {LONE}")
        return b"answer"

    async def speechless(self, request: bytes, context: Any) -> bytes:
        raise Speechless

    def plain(self, request: bytes, context: Any) -> bytes:
        raise ValueError(LONE)

    async def late(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        self.contexts.append(context)
        yield b"1"

    async def readers(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        found = await asyncio.gather(context.read(), context.read(), context.read())
        return b",".join(sorted(each for each in found if each is not grpc.aio.EOF))

    async def writers(self, request: bytes, context: Any) -> None:
        async def write(letter: bytes) -> None:
            for _ in range(20):
                await context.write(letter * 100_000)

        await asyncio.gather(write(b"a"), write(b"b"), write(b"c"))

    def server(self) -> rpc.Server:
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        handlers = {
            "Fail": stream(self.fail),
            "Trailers": unary(self.trailers),
            "Headers": unary(self.headers),
            "Lone": unary(self.lone),
            "Aborted": unary(self.aborted),
            "Details": unary(self.details),
            "Speechless": unary(self.speechless),
            "Plain": unary(self.plain),
            "Late": stream(self.late),
            "Readers": grpc.stream_unary_rpc_method_handler(self.readers),
            "Writers": stream(self.writers),
        }
        server = rpc.server(engine="native")
        handler = grpc.method_handlers_generic_handler("a.B", handlers)
        server.add_generic_rpc_handlers((handler,))
        return server


@pytest.fixture
async def service() -> Service:
    return Service()


async def status_of(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), str(caught.value.details())


@pytest.mark.parametrize("method", ["Lone", "Speechless", "Plain"])
async def test_an_exception_that_cannot_be_told(
    method: str, service: Service, tmp_path: Path
) -> None:
    async with running(service.server(), tmp_path) as to:
        code, details = await status_of(to.unary_unary(f"/a.B/{method}")(b"", timeout=20))
    assert code is grpc.StatusCode.UNKNOWN
    assert "Speechless" in details or "ValueError" in details


async def test_details_that_are_no_text(service: Service, tmp_path: Path) -> None:
    async with running(service.server(), tmp_path) as to:
        code, details = await status_of(to.unary_unary("/a.B/Aborted")(b"", timeout=20))
        assert (code, details) == (grpc.StatusCode.ABORTED, "about ?")
        call = to.unary_unary("/a.B/Details")(b"", timeout=20)
        assert await call == b"answer"
        assert await call.code() is grpc.StatusCode.OK


# A client of the C-core takes 16 KiB of metadata, unless it is told otherwise.
OPTIONS = [("grpc.max_metadata_size", 1 << 20), ("grpc.absolute_max_metadata_size", 1 << 20)]


@pytest.mark.parametrize("method", ["Trailers", "Headers"])
async def test_much_metadata_arrives(method: str, service: Service) -> None:
    server = service.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as to:
        call = to.unary_unary(f"/a.B/{method}")(b"", timeout=20)
        assert await call == b"answer"
        found = [*(await call.initial_metadata()), *(await call.trailing_metadata())]
        assert ("a", LARGE) in [tuple(each) for each in found]
    await server.stop(0)


async def test_a_long_message_of_an_exception_arrives(service: Service) -> None:
    server = service.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as to:
        call = to.unary_stream("/a.B/Fail")(b"", timeout=20)
        assert await call.read() == b"1"
        code, details = await status_of(call.read())
        assert code is grpc.StatusCode.UNKNOWN
        assert LARGE in details
    await server.stop(0)


async def test_who_writes_after_the_end_is_told(service: Service, tmp_path: Path) -> None:
    async with running(service.server(), tmp_path) as to:
        call = to.unary_stream("/a.B/Late")(b"", timeout=20)
        assert await call.read() == b"1"
        assert await call.read() is grpc.aio.EOF
        await eventually(lambda: service.contexts[0].done())
        # It may not go round for ever without giving way.
        with pytest.raises(grpc.aio.UsageError):
            await service.contexts[0].write(b"2")


async def test_several_tasks_may_read(service: Service, tmp_path: Path) -> None:
    async with running(service.server(), tmp_path) as to:
        call = to.stream_unary("/a.B/Readers")(timeout=20)
        for each in [b"1", b"2"]:
            await asyncio.sleep(0.05)
            await call.write(each)
        await call.done_writing()
        assert await call == b"1,2"


async def test_several_tasks_may_write(service: Service, tmp_path: Path) -> None:
    async with running(service.server(), tmp_path) as to:
        call = to.unary_stream("/a.B/Writers")(b"", timeout=60)
        found = [message[:1] async for message in call]
    assert sorted(found) == sorted([b"a", b"b", b"c"] * 20)
