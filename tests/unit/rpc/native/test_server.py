"""What the native engine does beyond the interface that both engines share."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tests.support import eventually, running

MIB = 1 << 20


class Service:
    """Raw bytes, and what became of its handlers."""

    def __init__(self) -> None:
        self.running = 0
        self.cancelled = 0
        self.written = 0
        self.read = 0
        self.release = asyncio.Event()

    async def echo(self, request: bytes, context: Any) -> bytes:
        return request

    async def hang(self, request: bytes, context: Any) -> bytes:
        self.running += 1
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return b"released"

    async def pour(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000
            self.written += 100_000

    async def drop(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        self.running += 1
        await self.release.wait()
        async for each in requests:
            self.read += len(each)
        return str(self.read).encode()

    def server(self, **arguments: Any) -> rpc.Server:
        server = rpc.server(engine="native", **arguments)
        handlers = {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Hang": grpc.unary_unary_rpc_method_handler(self.hang),
            "Pour": grpc.unary_stream_rpc_method_handler(self.pour),
            "Drop": grpc.stream_unary_rpc_method_handler(self.drop),
        }
        handler = grpc.method_handlers_generic_handler("a.B", handlers)
        server.add_generic_rpc_handlers((handler,))
        return server


@pytest.fixture
async def service() -> Service:
    return Service()


def channel(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0", "ipv4:127.0.0.1:0"])
async def test_tcp_addresses(address: str, service: Service) -> None:
    server = service.server()
    port = server.add_insecure_port(address)
    assert port > 0
    await server.start()
    host = "[::1]" if "::1" in address else "127.0.0.1"
    async with channel(f"{host}:{port}") as to:
        assert await to.unary_unary("/a.B/Echo")(b"hi") == b"hi"
    await server.stop(0)


async def test_an_abstract_socket(service: Service) -> None:
    server = service.server()
    server.add_insecure_port(f"unix-abstract:tercet-test-{os.getpid()}")
    await server.start()
    async with channel(f"unix-abstract:tercet-test-{os.getpid()}") as to:
        assert await to.unary_unary("/a.B/Echo")(b"hi") == b"hi"
    await server.stop(0)


async def test_an_inherited_descriptor_whose_queue_outlives_a_server(service: Service) -> None:
    with socket.socket() as owned:
        owned.bind(("127.0.0.1", 0))
        owned.listen()
        port = owned.getsockname()[1]
        async with channel(f"127.0.0.1:{port}") as to:
            # Queued before anyone accepts.
            call = to.unary_unary("/a.B/Echo")(b"hi", timeout=20)
            waiting = asyncio.ensure_future(call)
            await asyncio.sleep(0.05)
            server = service.server()
            assert server.add_insecure_port(f"fd:{owned.fileno()}") == port
            await server.start()
            assert await waiting == b"hi"
            await server.stop(0)
        # The descriptor is its owner's still.
        assert owned.getsockname()[1] == port


@pytest.mark.parametrize("address", ["127.0.0.1:0", "unix:{folder}/s"])
async def test_who_connects_before_the_start_waits(
    address: str, service: Service, tmp_path: Path
) -> None:
    server = service.server()
    address = address.format(folder=tmp_path)
    port = server.add_insecure_port(address)
    async with channel(address.replace(":0", f":{port}")) as to:
        call = asyncio.ensure_future(to.unary_unary("/a.B/Echo")(b"hi", timeout=20))
        await asyncio.sleep(0.1)
        assert not call.done()
        await server.start()
        assert await call == b"hi"
    await server.stop(0)


def test_an_address_that_cannot_be_bound() -> None:
    async def bind() -> None:
        with pytest.raises(RuntimeError, match="Failed to bind"):
            Service().server().add_insecure_port("192.0.2.1:1")
        with pytest.raises(RuntimeError, match="Failed to bind"):
            Service().server().add_insecure_port("nonsense")

    asyncio.run(bind())


async def test_a_stop_lets_running_calls_finish_and_takes_no_more(
    service: Service, tmp_path: Path
) -> None:
    server = service.server()
    async with running(server, tmp_path) as to:
        call = asyncio.ensure_future(to.unary_unary("/a.B/Hang")(b""))
        await eventually(lambda: service.running == 1)
        stopping = asyncio.create_task(server.stop(20))
        await asyncio.sleep(0.1)
        service.release.set()
        assert await call == b"released"
        await stopping


async def test_calls_that_were_sent_before_a_stop_are_not_lost(tmp_path: Path) -> None:
    # grpc/grpc#41785: a call already sent, but not yet picked up, must not be CANCELLED.
    for _ in range(10):
        service = Service()
        server = service.server()
        async with running(server, tmp_path) as to:
            echo = to.unary_unary("/a.B/Echo")
            await echo(b"connected")
            calls = [asyncio.ensure_future(echo(b"x" * 1000)) for _ in range(50)]
            await asyncio.sleep(0)
            await server.stop(20)
            assert await asyncio.gather(*calls) == [b"x" * 1000] * 50


async def test_a_grace_that_is_over_ends_calls_with_a_status(
    service: Service, tmp_path: Path
) -> None:
    server = service.server()
    async with running(server, tmp_path) as to:
        call = to.unary_unary("/a.B/Hang")(b"")
        await eventually(lambda: service.running == 1)
        await server.stop(0.1)
        assert await call.code() is grpc.StatusCode.UNAVAILABLE
    assert service.cancelled == 1


async def test_a_client_that_does_not_read_holds_the_writer(
    service: Service, tmp_path: Path
) -> None:
    async with running(service.server(), tmp_path) as to:
        call = to.unary_stream("/a.B/Pour")(b"")
        await call.read()
        settled = -1
        while settled != service.written:
            settled = service.written
            await asyncio.sleep(0.2)
        # What the client's windows and buffers took, and ours: not what was there to write.
        assert settled < 32 * MIB
        for _ in range(400):
            await call.read()
        await eventually(lambda: service.written > settled)
        call.cancel()


async def test_a_handler_that_does_not_read_holds_the_client(
    service: Service, tmp_path: Path
) -> None:
    sent = 0

    async def requests() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(640):
            yield b"x" * 100_000
            sent += 100_000

    async with running(service.server(), tmp_path) as to:
        call = to.stream_unary("/a.B/Drop")(requests())
        await eventually(lambda: service.running == 1)
        settled = -1
        while settled != sent:
            settled = sent
            await asyncio.sleep(0.2)
        assert settled < 16 * MIB
        # Another call on the same connection is not held.
        assert await to.unary_unary("/a.B/Echo")(b"hi", timeout=20) == b"hi"
        service.release.set()
        assert await call == b"64000000"


async def test_concurrency_is_limited(service: Service, tmp_path: Path) -> None:
    async with running(service.server(maximum_concurrent_rpcs=2), tmp_path) as to:
        calls = [asyncio.ensure_future(to.unary_unary("/a.B/Hang")(b"")) for _ in range(2)]
        await eventually(lambda: service.running == 2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await to.unary_unary("/a.B/Echo")(b"")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        service.release.set()
        await asyncio.gather(*calls)
        assert await to.unary_unary("/a.B/Echo")(b"hi") == b"hi"


async def test_messages_to_send_are_limited(service: Service, tmp_path: Path) -> None:
    options = [("grpc.max_send_message_length", 1000)]
    async with running(service.server(options=options), tmp_path) as to:
        assert await to.unary_unary("/a.B/Echo")(b"x" * 1000) == b"x" * 1000
        for call in (to.unary_unary("/a.B/Echo")(b"x" * 1001), to.unary_stream("/a.B/Pour")(b"")):
            assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "Sent message larger than max" in await call.details()


async def test_it_counts(service: Service, tmp_path: Path) -> None:
    server: Any = service.server()
    async with running(server, tmp_path) as to:
        for _ in range(3):
            await to.unary_unary("/a.B/Echo")(b"x" * 1000)
        with pytest.raises(grpc.aio.AioRpcError):
            await to.unary_unary("/a.B/Nope")(b"")
        counted = server.statistics()
    assert counted["calls"] == {("/a.B/Echo", 0): 3, ("", 12): 1}
    assert sum(counted["latency"]["/a.B/Echo"]) == 3
    assert counted["seconds"].keys() == {"/a.B/Echo", ""}
    edges = [0.0, *counted["latency_buckets"], float("inf")]
    taken = [place for place, n in enumerate(counted["latency"]["/a.B/Echo"]) for _ in range(n)]
    least, most = (sum(edges[place + end] for place in taken) for end in (0, 1))
    assert least < counted["seconds"]["/a.B/Echo"] <= most
    assert counted["connections"] == 1
    assert counted["bytes_received"] > 3000
    assert counted["bytes_sent"] > 3000


async def test_an_option_that_it_does_not_know_warns() -> None:
    with pytest.warns(UserWarning, match=r"does not know the option 'grpc.nonsense'"):
        rpc.server(engine="native", options=[("grpc.nonsense", 1)])


async def test_ten_thousand_cancelled_calls_leave_nothing(service: Service, tmp_path: Path) -> None:
    server: Any = service.server()
    async with running(server, tmp_path) as to:
        hang = to.unary_unary("/a.B/Hang")
        for _ in range(20):
            calls = [hang(b"") for _ in range(500)]
            await eventually(lambda: service.running == 500)
            for call in calls:
                call.cancel()
            await eventually(lambda: service.cancelled == 500)
            service.running = service.cancelled = 0
        await eventually(lambda: server.statistics()["calls_running"] == 0)
        assert all(protocol.core.open_streams == 0 for protocol in server._protocols)
