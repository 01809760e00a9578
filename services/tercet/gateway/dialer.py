"""Keeps one connection to an endpoint.

Theory of operation. Connect; wait until the connection is over, or until the endpoint says that it
takes no more calls on it (GOAWAY); connect again. At once if it had lived, else after a backoff: a
peer that accepts and hangs up fails like one that refuses. A connection that is left goes on with
its calls and ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from tercet.cluster.backoff import Backoff

if TYPE_CHECKING:
    from tercet.gateway._endpoint import Endpoint
    from tercet.gateway._lane import Lane
    from tercet.gateway._upstream import Upstream

log = logging.getLogger("tercet.gateway")

TIMEOUT = 5.0
# Seconds that a connection must have lived so that the next one is not delayed.
LIVED = 1.0
BASE = 0.1
CEILING = 5.0


class Subchannel(Protocol):
    """What is dialed: an `asyncio.Protocol` that also has these."""

    @property
    def greeted(self) -> asyncio.Future[bool]:
        """Resolved when the peer has begun to speak HTTP/2 (True), or is lost (False)."""

    @property
    def lost(self) -> asyncio.Future[str]:
        """Resolved, with the cause, when the connection is over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...

    def close(self) -> None:
        """Takes no more calls, and ends the connection when it has none.

        Also called when there has never been a connection.
        """
        ...


# Makes a subchannel that is not connected. It is given what to call when no more calls may go to
# it, whether it is lost or not.
Factory = Callable[[Callable[[], None]], Subchannel]


class Dialer:
    """Writes `endpoint.failing` and `endpoint.error`.

    Args:
        factory: Makes the protocol of each connection.
        backoff: How long to wait after a connection that was short, or none.
        context: TLS; None for plaintext. A UNIX socket has none in any case.
        server_name: Name that the endpoint's certificate must have; "" for its IP address.
        connected: Called back when there is a connection.
        failed: Called back when there is none.
    """

    def __init__(
        self,
        upstream: Upstream,
        endpoint: Endpoint,
        factory: Factory,
        *,
        backoff: Backoff,
        context: ssl.SSLContext | None = None,
        server_name: str = "",
        connected: Callable[[], None] = lambda: None,
        failed: Callable[[], None] = lambda: None,
        timeout: float = TIMEOUT,
        lived: float = LIVED,
    ) -> None:
        self._upstream = upstream
        self._endpoint = endpoint
        self._factory = factory
        self._backoff = backoff
        self._context = context
        self._server_name = server_name
        self._connected = connected
        self._failed = failed
        self._timeout = timeout
        self._lived = lived
        self._failures = 0
        self._open: set[Subchannel] = set()

    async def run(self) -> None:
        """Connects for ever; when it is cancelled, all connections are closed, once idle."""
        try:
            while True:
                lifetime = await self._once()
                await asyncio.sleep(self._backoff.next(lifetime))
        finally:
            for subchannel in self._open:
                subchannel.close()

    async def _once(self) -> float:
        """One connection from its begin until the next is wanted: the seconds that it lived."""
        loop = asyncio.get_running_loop()
        leaving = asyncio.Event()

        def leave() -> None:
            leaving.set()
            self._detach()

        try:
            async with asyncio.timeout(self._timeout):
                subchannel = await self._connect(leave)
        except OSError as error:
            self._endpoint.connect_failures += 1
            self._fail(_text(error, self._timeout))
            return 0.0
        self._open.add(subchannel)
        subchannel.lost.add_done_callback(lambda _: self._open.discard(subchannel))
        began = loop.time()
        self._endpoint.connects += 1
        if not leaving.is_set():
            self._endpoint.attach(cast("Lane", subchannel))
        self._set(failing=False, error=self._endpoint.error)
        self._connected()
        await _first(subchannel.lost, leaving)
        lifetime = loop.time() - began
        if subchannel.lost.done() and lifetime < self._lived:
            self._fail(subchannel.lost.result())
        else:
            self._failures = 0
            if subchannel.lost.done():
                self._endpoint.error = subchannel.lost.result()
        return lifetime

    async def _connect(self, leaving: Callable[[], None]) -> Subchannel:
        made: list[Subchannel] = []

        def make() -> asyncio.Protocol:
            made.append(self._factory(leaving))
            # To asyncio a protocol is what derives from its class; to us, what has the methods.
            return cast("asyncio.Protocol", made[-1])

        try:
            transport = await self._transport(make)
            _check(transport)
            # One that only accepts is no gRPC server, or none yet.
            if not await asyncio.shield(made[-1].greeted):
                raise ConnectionError(made[-1].lost.result())
        except BaseException:
            # uvloop does not tell a protocol of the end of a connection whose maker is cancelled.
            for subchannel in made:
                subchannel.close()
            raise
        return made[-1]

    async def _transport(self, make: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        kind, _, rest = self._endpoint.address.partition(":")
        if kind == "unix":
            transport, _ = await loop.create_unix_connection(make, rest)
            return transport
        host, _, port = rest.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        name = self._server_name or host
        transport, _ = await loop.create_connection(
            make,
            host,
            int(port),
            ssl=self._context,
            server_hostname=name if self._context else None,
        )
        made: socket.socket = transport.get_extra_info("socket")
        # A call's frames leave in one write: to wait for more (RFC 896) gains nothing.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return transport

    def _detach(self) -> None:
        """Calls that begin from now on wait for the next connection."""
        self._endpoint.attach(None)
        self._upstream.changed()

    def _fail(self, why: str) -> None:
        self._failures += 1
        if not self._endpoint.failing:
            self._endpoint.ejections += 1
        if self._failures == 2:
            # Not the first: a worker that has just died is about to leave the list.
            log.warning(
                "%s of %s cannot be connected to: %s; trying again",
                self._endpoint.identity,
                self._upstream.name,
                why,
            )
        self._set(failing=True, error=why)
        self._failed()

    def _set(self, *, failing: bool, error: str) -> None:
        self._endpoint.failing = failing
        self._endpoint.error = error
        self._upstream.changed()


async def _first(lost: asyncio.Future[str], leaving: asyncio.Event) -> None:
    """Waits until a subchannel takes no more calls."""
    waiting = asyncio.create_task(leaving.wait())
    either: list[asyncio.Future[Any]] = [lost, waiting]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting


def _check(transport: asyncio.Transport) -> None:
    """
    Raises:
        ConnectionError: It is over TLS, and the other side did not choose HTTP/2.
    """
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if tls is not None and tls.selected_alpn_protocol() != "h2":
        transport.abort()
        raise ConnectionError("it does not agree to HTTP/2 in the TLS handshake (ALPN)")


def _text(error: OSError, timeout: float) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}"
    if isinstance(error, TimeoutError) and not error.errno:
        return f"no connection within {timeout:g} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return error.strerror or str(error) or type(error).__name__
