"""One connection to an endpoint, again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
import trustme

from tercet import rpc
from tercet.cluster.backoff import Backoff
from tercet.gateway.config import UpstreamTls
from tercet.gateway.dialer import Dialer
from tercet.gateway.tls import Tls
from tests.support import eventually
from tests.unit.gateway.standins import Endpoint, Subchannel, Upstream


class Dialed:
    """What is known of a dialer that works."""

    def __init__(self, address: str, *, pause: float = 0.001, **options: Any) -> None:
        self.upstream = Upstream()
        self.endpoint = Endpoint(address)
        self.made: list[Subchannel] = []
        self.connected = 0
        self.failed = 0
        stable = options.get("lived", 1.0)
        backoff = Backoff(rng=Random(1), base=pause, ceiling=pause, stable=stable)
        self.dialer = Dialer(
            cast("Any", self.upstream),
            cast("Any", self.endpoint),
            self.make,
            backoff=backoff,
            connected=self.on_connected,
            failed=self.on_failed,
            **options,
        )

    def make(self, leave_taken: Callable[[], None]) -> Any:
        self.made.append(Subchannel(leave_taken))
        return self.made[-1]

    def on_connected(self) -> None:
        self.connected += 1

    def on_failed(self) -> None:
        self.failed += 1


@asynccontextmanager
async def dialed(address: str, **options: Any) -> AsyncIterator[Dialed]:
    made = Dialed(address, **options)
    running = asyncio.create_task(made.dialer.run())
    try:
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert all(each.closed or each.lost.done() for each in made.made if each.transport)
        # What is closed has its end yet to come.
        await asyncio.sleep(0)


class Other(asyncio.Protocol):
    """The other side: "greets", "hangs up", "hangs up after greeting", or is "silent"."""

    def __init__(self, does: str) -> None:
        self.does = does
        self.transport: Any = None
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if "greet" in self.does:
            self.transport.write(b"hello")
        if "hangs up" in self.does:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True


@asynccontextmanager
async def listening(
    *,
    path: Path | None = None,
    host: str = "127.0.0.1",
    context: ssl.SSLContext | None = None,
    does: str = "greets",
) -> AsyncIterator[str]:
    """A server; yields its address."""
    loop = asyncio.get_running_loop()
    made: list[Other] = []

    def accept() -> Other:
        made.append(Other(does))
        return made[-1]

    if path:
        server = await loop.create_unix_server(accept, path)
        address = f"unix:{path}"
    else:
        server = await loop.create_server(accept, host, 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        address = f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
    try:
        yield address
    finally:
        # What has connected has been accepted, and is told so in the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()
        connected = [each for each in made if each.transport]
        for each in connected:
            each.transport.abort()
        await eventually(lambda: all(each.over for each in connected))


@pytest.mark.parametrize("where", ["unix", "127.0.0.1", "::1"])
async def test_it_connects(where: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"path": tmp_path / "s"} if where == "unix" else {"host": where}
    async with listening(**options) as address, dialed(address) as made:
        await eventually(lambda: made.connected == 1)
        assert not made.endpoint.failing
        assert made.upstream.changes
        [subchannel] = made.made
        assert made.endpoint.lane is subchannel
        assert (made.endpoint.connects, made.endpoint.connect_failures) == (1, 0)
        if where != "unix":
            connected = subchannel.transport.get_extra_info("socket")
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert subchannel.closed
    assert made.endpoint.lane is None


async def test_an_endpoint_that_refuses_is_tried_again_until_it_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with dialed(f"unix:{tmp_path}/s") as made:
            await eventually(lambda: made.failed > 3)
            assert made.endpoint.failing
            assert made.endpoint.error == "No such file or directory"
            async with listening(path=tmp_path / "s"):
                await eventually(lambda: made.connected == 1)
                assert not made.endpoint.failing
                assert made.endpoint.error == ""
                assert made.endpoint.connect_failures == made.failed
                assert made.endpoint.ejections == 1
    # Once for many failures.
    [record] = caplog.records
    assert "No such file or directory" in record.getMessage()


@pytest.mark.parametrize("does", ["hangs up", "hangs up after greeting"])
async def test_one_that_hangs_up_at_once_fails(does: str, tmp_path: Path) -> None:
    async with listening(path=tmp_path / "s", does=does) as address, dialed(address) as made:
        await eventually(lambda: made.failed > 1 and made.endpoint.failing)
        assert made.endpoint.error.startswith("it hung up")
        assert made.endpoint.ejections == 1
        assert bool(made.connected) == ("greeting" in does)


async def test_one_that_says_nothing_fails(tmp_path: Path) -> None:
    async with (
        listening(path=tmp_path / "s", does="is silent") as address,
        dialed(address, timeout=0.05) as made,
    ):
        await eventually(lambda: made.failed > 0)
        assert made.endpoint.error == "no connection within 0.05 s"
        assert made.connected == 0


async def test_a_lost_connection_is_made_again_and_is_no_failure(tmp_path: Path) -> None:
    async with listening(path=tmp_path / "s") as address, dialed(address, lived=0.0) as made:
        await eventually(lambda: made.connected == 1)
        made.made[0].transport.abort()
        await eventually(lambda: made.connected == 2)
        # It is told of, since the name of the endpoint may lead elsewhere now.
        assert made.failed == 1
        assert not made.endpoint.failing
        assert made.endpoint.ejections == 0
        assert made.endpoint.lane is made.made[1]


async def test_a_connection_that_is_left_goes_on_beside_the_next(tmp_path: Path) -> None:
    async with listening(path=tmp_path / "s") as address, dialed(address) as made:
        await eventually(lambda: made.connected == 1)
        first = made.made[0]
        # It has calls, so that it stays open.
        first.close = lambda: None  # type: ignore[method-assign]
        first.leave_taken()
        await eventually(lambda: made.connected == 2)
        assert made.failed == 0
        assert made.endpoint.lane is made.made[1]
        assert not first.lost.done()
        first.transport.abort()
        await eventually(first.lost.done)
        assert made.endpoint.lane is made.made[1]


async def test_an_endpoint_that_does_not_answer_is_given_up_for_now() -> None:
    with socket.socket() as full:
        # Its queue of connections is full: the kernel does not even answer.
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
            async with dialed(f"ipv4:127.0.0.1:{port}", timeout=0.05) as made:
                await eventually(lambda: made.failed > 0)
                assert made.endpoint.error == "no connection within 0.05 s"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context_of(authority: trustme.CA, *names: str, alpn: str = "h2") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    context.set_alpn_protocols([alpn])
    return context


def tls_of(authority: trustme.CA, folder: Path) -> Tls:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return Tls(UpstreamTls(ca=str(folder / "ca.pem")))


@pytest.mark.parametrize(("certified", "server_name"), [("127.0.0.1", ""), ("shop", "shop")])
async def test_it_connects_over_tls(
    certified: str, server_name: str, authority: trustme.CA, tmp_path: Path
) -> None:
    context = tls_of(authority, tmp_path).context
    async with (
        listening(context=context_of(authority, certified)) as address,
        dialed(address, context=context, server_name=server_name) as made,
    ):
        await eventually(lambda: made.connected == 1)


async def test_who_is_somebody_else_over_tls_fails(authority: trustme.CA, tmp_path: Path) -> None:
    other = authority.issue_cert("other")
    pair = (other.private_key_pem.bytes(), other.cert_chain_pems[0].bytes())
    server = rpc.server()
    port = server.add_secure_port("127.0.0.1:0", rpc.ssl_server_credentials([pair]))
    await server.start()
    context = tls_of(authority, tmp_path).context
    async with dialed(f"ipv4:127.0.0.1:{port}", context=context) as made:
        await eventually(lambda: made.failed > 0)
        assert made.endpoint.error.startswith("its certificate is not believed: ")
        assert "127.0.0.1" in made.endpoint.error
        assert made.connected == 0
    await server.stop(0)


async def test_who_does_not_speak_http_2_over_tls_fails(
    authority: trustme.CA, tmp_path: Path
) -> None:
    context = tls_of(authority, tmp_path).context
    async with (
        listening(context=context_of(authority, "127.0.0.1", alpn="http/1.1")) as address,
        # Once: a handshake that is under way at the end would be a leak of the server's.
        dialed(address, context=context, pause=3600.0) as made,
    ):
        await eventually(lambda: made.failed > 0)
        assert "does not agree to HTTP/2" in made.endpoint.error
        assert made.connected == 0
