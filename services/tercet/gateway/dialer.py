"""Keeps one connection to an endpoint.

Theory of operation. Connect; wait for the endpoint's greeting, its first SETTINGS; give it calls
until the connection is over, or until the endpoint says that it takes no more calls on it (GOAWAY);
connect again. At once if it had lived, else after a backoff: a peer that greets and hangs up fails
like one that refuses. A connection that is left goes on with its calls and ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from tercet.cluster.backoff import Backoff

if TYPE_CHECKING:
    from tercet.gateway._endpoint import Endpoint
    from tercet.gateway._subchannel import Exchange
    from tercet.gateway._upstream import Upstream

log = logging.getLogger("tercet.gateway")

# Seconds until an endpoint has greeted, the TLS handshake included.
TIMEOUT = 5.0
# Seconds that a connection must have lived so that the next one is not delayed.
LIVED = 1.0
# Failures in a row that are worth a line. Not the first: a worker that has just died is about to
# leave the list.
TOLD = 2
BASE = 0.1
CEILING = 5.0

# Makes a subchannel that is not connected. It is given what to call when it takes no more calls,
# and when it is lost.
Factory = Callable[[Callable[[], None]], "Exchange"]


class Dialer:
    """Writes the connection of an endpoint, `failing`, `error` and what counts its connections.

    Args:
        factory: Makes the protocol of each connection.
        backoff: How long to wait after a connection that was short, or none.
        context: TLS; None for plaintext. A UNIX socket has none in any case.
        server_name: Name that the endpoint's certificate must have; "" for its IP address.
        connected: Called back when there is a connection.
        failed: Called back when there is none, and when one is lost.
        timeout: See `TIMEOUT`.
        lived: See `LIVED`; as `stable` of the backoff.
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
        # Failures in a row.
        self._failures = 0

    async def run(self) -> None:
        """Connects for ever; when it is cancelled, the connection is closed, once idle."""
        while True:
            lifetime = await self._once()
            await asyncio.sleep(self._backoff.next(lifetime))

    async def _once(self) -> float:
        """One connection from its begin until the next is wanted: the seconds that it lived."""
        loop = asyncio.get_running_loop()
        left = asyncio.Event()
        try:
            async with asyncio.timeout(self._timeout):
                subchannel = await self._connect(left)
        except OSError as error:
            self._endpoint.connect_failures += 1
            self._fail(_text(error, self._timeout))
            return 0.0
        began = loop.time()
        self._endpoint.connects += 1
        if self._failures >= TOLD:
            self._log(logging.INFO, "is connected again")
        self._set(subchannel, failing=False, error="")
        self._connected()
        try:
            await left.wait()
        finally:
            # Does nothing to one that is lost.
            subchannel.close()
            self._endpoint.attach(None)
        lifetime = loop.time() - began
        if not subchannel.lost.done():
            self._failures = 0
            self._set(None, failing=False, error="")
        elif lifetime < self._lived:
            self._fail(subchannel.lost.result())
        else:
            # Calls wait: it may well be there again at once.
            self._failures = 0
            self._log(logging.INFO, f"has lost its connection: {subchannel.lost.result()}")
            self._set(None, failing=False, error=subchannel.lost.result())
            self._failed()
        return lifetime

    async def _connect(self, left: asyncio.Event) -> Exchange:
        """A connection that takes calls.

        Args:
            left: Set when it does not any more.

        Raises:
            OSError: There is none.
        """
        made: list[Exchange] = []

        def make() -> asyncio.BufferedProtocol:
            made.append(self._factory(left.set))
            # To asyncio a protocol is what derives from its class; to us, what has the methods.
            return cast("asyncio.BufferedProtocol", made[-1])

        try:
            transport = await self._transport(make)
            _check(transport)
            # One that only accepts is no gRPC server, or none yet.
            if not await asyncio.shield(made[-1].greeted):
                raise ConnectionError(
                    f"{made[-1].lost.result()}, before it had said anything"
                    f" (does it want {'plaintext' if self._context else 'TLS'}?)"
                )
        except BaseException:
            # uvloop does not tell a protocol of the end of a connection whose maker is cancelled.
            for subchannel in made:
                subchannel.abort()
            raise
        return made[-1]

    async def _transport(self, make: Callable[[], asyncio.BufferedProtocol]) -> asyncio.Transport:
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

    def _log(self, level: int, what: str) -> None:
        log.log(level, "%s of %s %s", self._endpoint.identity, self._upstream.name, what)

    def _fail(self, why: str) -> None:
        self._failures += 1
        if self._failures == 1:
            self._endpoint.ejections += 1
        elif self._failures == TOLD:
            self._log(logging.WARNING, f"cannot be connected to: {why}; trying again")
        self._set(None, failing=True, error=why)
        self._failed()

    def _set(self, subchannel: Exchange | None, *, failing: bool, error: str) -> None:
        self._endpoint.attach(subchannel)
        self._endpoint.failing = failing
        self._endpoint.error = error
        self._upstream.changed()


def _check(transport: asyncio.Transport) -> None:
    """
    Raises:
        ConnectionError: It is over TLS, and the other side did not choose HTTP/2.
    """
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if tls is not None and tls.selected_alpn_protocol() != "h2":
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
