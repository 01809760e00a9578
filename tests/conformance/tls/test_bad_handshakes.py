"""Who connects and does not speak TLS is let go in time, and is nobody else's trouble."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import ssl
from collections import Counter
from typing import Any

import pytest
import trustme

from tercet import rpc
from tercet.rpc.native import tls
from tests.conformance.tls.conftest import asked, channel, pair, refused, root, serving
from tests.conformance.tls.test_sessions import PREFACE
from tests.support import eventually

# Long enough for a good handshake on a busy machine.
TIMEOUT = 1.0
SHORT = {"server_handshake_timeout_ms": 1000}


def hello() -> bytes:
    """A ClientHello."""
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


# What a client sends, and then waits.
STALLED = {
    "nothing": b"",
    "half a record's header": hello()[:3],
    "half a ClientHello": hello()[:100],
    "a ClientHello and no more": hello(),
}
WRONG = {
    "garbage": bytes(range(256)) * 4,
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/2 in the clear": PREFACE,
    "a ClientHello that is cut and goes on wrong": hello()[:100] + bytes(2000),
}


@pytest.fixture
def credentials(localhost: trustme.LeafCert) -> Any:
    return rpc.ssl_server_credentials([pair(localhost)])


async def until_closed(port: int, sent: bytes) -> float:
    """Seconds until the server has closed a connection on which this was sent."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        # It may tell with an alert, or its own hello, why it closes.
        while await asyncio.wait_for(reader.read(1 << 16), 20):
            pass
    except ConnectionResetError:
        pass
    writer.close()
    return loop.time() - began


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("sent", STALLED.values(), ids=STALLED)
def test_who_stalls_is_closed_after_the_timeout(
    run: Any, credentials: Any, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def stalled() -> float:
        async with serving("native", credentials, **SHORT) as port:
            return await until_closed(port, sent)

    assert TIMEOUT * 0.9 < run(stalled()) < TIMEOUT + 5
    assert faults(caplog) == []


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_who_speaks_something_else_is_closed(
    run: Any, credentials: Any, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def wrong() -> None:
        async with serving("native", credentials, **SHORT) as port:
            await until_closed(port, sent)

    run(wrong())
    assert faults(caplog) == []


def test_who_sends_drop_by_drop_is_closed_after_the_timeout(run: Any, credentials: Any) -> None:
    """It is the whole handshake that has a time, not each part of it."""

    async def dripping() -> float:
        loop = asyncio.get_running_loop()
        async with serving("native", credentials, **SHORT) as port:
            began = loop.time()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            ended = asyncio.ensure_future(reader.read())
            for byte in hello()[:200]:
                if ended.done():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(TIMEOUT / 20)
            await asyncio.wait([ended], timeout=20)
            writer.close()
            return loop.time() - began

    assert run(dripping()) < TIMEOUT + 5


def test_certificates_that_do_not_suit_are_not_the_servers_fault(
    run: Any,
    authority: trustme.CA,
    localhost: trustme.LeafCert,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mutual = rpc.ssl_server_credentials([pair(localhost)], root(authority), True)
    stranger = trustme.CA()

    async def unsuited() -> None:
        async with serving("native", mutual, **SHORT) as port:
            for roots, client in [
                (root(authority), None),
                (root(authority), stranger.issue_cert("client.example")),
                # The client does not believe the server.
                (root(stranger), authority.issue_cert("client.example")),
            ]:
                async with channel(port, roots, client) as call:
                    await refused(call)

    run(unsuited())
    assert faults(caplog) == []


def test_a_client_that_is_reset_in_its_handshake(
    run: Any, credentials: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def reset() -> None:
        async with serving("native", credentials, **SHORT) as port:
            for sent in [*STALLED.values(), *WRONG.values()]:
                with socket.create_connection(("127.0.0.1", port)) as client:
                    client.sendall(sent)
                    # linger(1, 0): RST instead of FIN.
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                await asyncio.sleep(0)
            await asyncio.sleep(0.2)

    run(reset())
    assert faults(caplog) == []


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def kept() -> Counter[str]:
    """Objects of TLS and of connections."""
    gc.collect()
    names = (type(each).__name__ for each in gc.get_objects())
    return Counter(
        name for name in names if name.startswith("SSL") or name in ("Protocol", "_SSLProtocol")
    )


def test_nothing_of_them_stays_and_others_are_served(
    run: Any, authority: trustme.CA, credentials: Any
) -> None:
    async def crowd() -> None:
        async with (
            serving("native", credentials, **SHORT) as port,
            channel(port, root(authority)) as call,
        ):
            await asked(call)
            await until_closed(port, b"x" * 100)
            before = descriptors(), kept()
            sent = [*STALLED.values(), *WRONG.values()] * 20
            closing = asyncio.gather(*(until_closed(port, each) for each in sent))
            while not closing.done():
                await asked(call)
                async with channel(port, root(authority)) as newcomer:
                    await asked(newcomer)
                await asyncio.sleep(0.05)
            await closing
            # The newcomers' connections end in their own time.
            await eventually(lambda: descriptors() <= before[0])
            await eventually(lambda: not kept() - before[1])

    run(crowd())


@pytest.mark.parametrize("timeout", [0, -1.0])
def test_a_handshake_must_have_some_time(timeout: float, credentials: Any) -> None:
    with pytest.raises(ValueError, match="a handshake must have some time"):
        tls.Listener(credentials, handshake_timeout=timeout)


def test_a_stop_leaves_no_handshake_behind(run: Any, credentials: Any) -> None:
    """Its socket is closed when the time is over, and no call is begun on it."""

    async def stopped() -> None:
        async with serving("native", credentials, **SHORT) as port:
            closed = asyncio.ensure_future(until_closed(port, hello()))
            await asyncio.sleep(0.1)
        assert await asyncio.wait_for(closed, TIMEOUT + 5) > 0

    run(stopped())
