"""Which calls wait for the server, and which for their clients."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from tercet import rpc
from tests.conformance.wire import frames
from tests.conformance.wire.connection import Connection, connect
from tests.conformance.wire.frames import END_HEADERS, END_STREAM, Frame, block, message
from tests.support import eventually

FIELDS = [
    *(
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/a.B/Echo"),
        (b":authority", b"x"),
    ),
    *((b"content-type", b"application/grpc"), (b"te", b"trailers")),
]


async def echo(request: bytes, context: Any) -> bytes:
    return request


class Passes(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        return await continuation(handler_call_details)


@asynccontextmanager
async def serving(port: list[int], handler: Any = echo, **arguments: Any) -> AsyncIterator[Any]:
    """A server whose port is put into a list."""
    server = rpc.server(engine="native", **arguments)
    methods: dict[str, Any] = {"Echo": grpc.unary_unary_rpc_method_handler(handler)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", methods),))
    port.append(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)


def call(stream: int) -> list[Frame]:
    return [
        Frame(frames.HEADERS, END_HEADERS, stream, block(FIELDS)),
        Frame(frames.DATA, END_STREAM, stream, message(b"")),
    ]


async def begun(server: Any, count: int) -> None:
    await eventually(lambda: server.statistics()["calls_running"] == count)


async def test_a_call_that_waits_for_its_request_is_in_no_queue() -> None:
    """Interceptors are called when the headers have come, and the rest may never come."""
    port: list[int] = []
    options = [("tercet.max_queued_calls", 10)]
    async with serving(port, interceptors=[Passes()], options=options) as server:
        async with connect(port[0]) as slow, connect(port[0]) as other:
            for stream in range(1, 41, 2):
                slow.headers(stream, FIELDS)
                await begun(server, stream // 2 + 1)
            assert server.statistics()["calls_queued"] == 0
            other.headers(1, FIELDS)
            other.data(1, message(b"hello"), end=True)
            assert (await other.answer(1)).messages == [b"hello"]
            slow.data(1, message(b"late"), end=True)
            assert (await slow.answer(1)).messages == [b"late"]
        await eventually(lambda: server.statistics()["calls_running"] == 0)
        assert server.statistics()["calls_queued"] == 0


async def test_requests_behind_interceptors_time_out() -> None:
    port: list[int] = []
    options = [("tercet.request_timeout_ms", 400)]
    async with serving(port, interceptors=[Passes()], options=options) as server:
        async with connect(port[0]) as slow:
            for stream in range(1, 11, 2):
                slow.headers(stream, FIELDS)
            await begun(server, 5)
            await eventually(lambda: server.statistics()["calls_queued"] == 0)
            assert (await slow.answer(1)).reset == frames.CANCEL
            await eventually(lambda: server.statistics()["calls_running"] == 0)
            slow.headers(13, FIELDS)
            slow.data(13, message(b"hello"), end=True)
            assert (await slow.answer(13)).messages == [b"hello"]
        assert server.statistics()["limits"]["request_timeout"] == 5


async def test_many_connections_in_one_turn_are_no_overload() -> None:
    port: list[int] = []
    count = 60
    async with serving(port) as server, AsyncExitStack() as stack:
        clients: list[Connection] = [
            await stack.enter_async_context(connect(port[0])) for _ in range(count)
        ]
        await eventually(lambda: server.statistics()["connections"] == count)
        calls = [frame for stream in range(1, 201, 2) for frame in call(stream)]
        for client in clients:
            # All at once: the loop reads none before the last one is written.
            client.send(*calls)
        for client in clients:
            assert (await client.answer(199)).status == 0
        assert server.statistics()["limits"]["queued_calls"] == 0
        assert server.statistics()["calls"]["/a.B/Echo", 0] == 100 * count


async def test_a_call_that_ends_while_it_waits_for_a_thread_is_queued_until_one_comes_to_it() -> (
    None
):
    """An executor cannot forget it: without end they would be many."""
    port: list[int] = []
    go_on = threading.Event()
    entered = []

    def plain(request: bytes, context: Any) -> bytes:
        entered.append(request)
        go_on.wait(10)
        return request

    options = [("tercet.max_queued_calls", 3)]
    async with AsyncExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        made = serving(port, plain, migration_thread_pool=pool, options=options)
        server = await stack.enter_async_context(made)
        wire = await stack.enter_async_context(connect(port[0]))
        wire.headers(1, FIELDS)
        wire.data(1, message(b"first"), end=True)
        await eventually(lambda: entered == [b"first"])
        for stream in 3, 5, 7:
            wire.headers(stream, [*FIELDS, (b"grpc-timeout", b"50m")])
            wire.data(stream, message(b"late"), end=True)
            assert (await wire.answer(stream)).status == 4
        assert server.statistics()["calls_queued"] == 3
        wire.headers(9, FIELDS)
        wire.data(9, message(b"refused"), end=True)
        assert (await wire.answer(9)).status == 8
        go_on.set()
        assert (await wire.answer(1)).messages == [b"first"]
        await eventually(lambda: server.statistics()["calls_queued"] == 0)
        wire.headers(11, FIELDS)
        wire.data(11, message(b"last"), end=True)
        assert (await wire.answer(11)).messages == [b"last"]
        assert entered == [b"first", b"last"]


async def test_nothing_is_queued_after_the_stop() -> None:
    port: list[int] = []
    go_on = threading.Event()

    def plain(request: bytes, context: Any) -> bytes:
        go_on.wait(10)
        return request

    async with serving(port, plain) as server, connect(port[0]) as wire:
        for stream in range(1, 101, 2):
            wire.headers(stream, FIELDS)
            wire.data(stream, message(b""), end=True)
        await eventually(lambda: server.statistics()["calls_queued"] == 50 - 32)
        await server.stop(0)
        go_on.set()
        await eventually(lambda: server.statistics()["calls_queued"] == 0)
        assert server.statistics()["calls_running"] == 0
