"""An upstream whose endpoints are the addresses of a name, such as that of a headless Service.

Theory of operation. The name is resolved at the start, then every `interval` seconds: resolvers do
not tell how long an answer holds. It is resolved sooner when a connection could not be made, since
the addresses may have changed; but never twice within `debounce` seconds, however many fail.
While it cannot be resolved, the last addresses stay in force: they may well still be right, and a
resolver that is down must not take down what does not need it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

from tercet.cluster.backoff import Backoff
from tercet.gateway.sources.source import Address, Found, Update

log = logging.getLogger("tercet.gateway")

INTERVAL = 30.0
DEBOUNCE = 1.0
# Seconds: the resolver of glibc gives up on one server after 5, and tries it twice.
TIMEOUT = 10.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """The gRPC targets of a name's IPv4 and IPv6 addresses, each once, sorted.

    Asks the system, off the loop: what /etc/hosts and nsswitch.conf say holds here too.

    Raises:
        OSError: The name has none, or the resolver did not answer.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(TIMEOUT):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    targets = set()
    for family, _, _, _, address in found:
        # In the numeric form: an interface's name is part of a link-local address.
        number, where = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
        if family == socket.AF_INET:
            targets.add(f"ipv4:{number}:{where}")
        elif family == socket.AF_INET6:
            targets.add(f"ipv6:[{number}]:{where}")
    return sorted(targets)


class Dns:
    """
    Args:
        name: Of the upstream.
        host: What is resolved.
        backoff: How long to wait after a failed resolution; never longer than `interval`.
        interval: Seconds from one resolution to the next.
        debounce: Least seconds between two.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        backoff: Backoff,
        interval: float = INTERVAL,
        debounce: float = DEBOUNCE,
        resolve: Resolve = resolve,
    ) -> None:
        self._name = name
        self._host = host
        self._port = port
        self._backoff = backoff
        self._interval = interval
        self._debounce = debounce
        self._resolve = resolve
        self._asked = asyncio.Event()
        self._addresses: tuple[Address, ...] = ()
        self._failing = False

    async def follow(self, update: Update) -> None:
        # Before the first answer: the upstream is there, without a ready endpoint.
        update([Found(self._name, ())])
        while True:
            before = self._addresses
            pause = await self._look()
            if self._addresses != before:
                update([Found(self._name, self._addresses)])
            await asyncio.sleep(min(self._debounce, pause))
            # An attempt that failed meanwhile has set it: then there is no further wait.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause - self._debounce)):
                    await self._asked.wait()
            self._asked.clear()

    def failed(self) -> None:
        self._asked.set()

    async def _look(self) -> float:
        """Resolves, and says how many seconds it is until that is due again."""
        try:
            targets = await self._resolve(self._host, self._port)
        except OSError as error:
            if not self._failing:
                log.warning(
                    "%s of upstream %s cannot be resolved: %s; %s",
                    self._host,
                    self._name,
                    str(error) or "the resolver does not answer",
                    "its last addresses stay" if self._addresses else "trying again",
                )
            self._failing = True
            return min(self._interval, max(self._debounce, self._backoff.next(0)))
        self._failing = False
        self._backoff.next(float("inf"))
        self._addresses = tuple(Address(target, host=self._host) for target in targets)
        return self._interval
