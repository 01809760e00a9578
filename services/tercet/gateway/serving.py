"""Health over every upstream: one name per gRPC service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tercet.gateway.member import Member
from tercet.gateway.routes import Routes
from tercet.rpc.health import NOT_SERVING, SERVING, Health

# Seconds. Endpoints are connected, lost and drained without anybody being told.
INTERVAL = 0.5
# The same until it can do its work.
SOON = 0.02
# Seconds that a gateway waits for its upstreams before it says that it serves. One that does not
# come holds up the others for no longer.
PATIENCE = 5.0


class Serving:
    """What the front says of its health.

    A service serves when an endpoint takes its calls. "" means that this gateway can do its work:
    all upstreams have been found and connected to once, or have been waited for.

    Args:
        members: The upstreams, as the fleet keeps them.
        now: The time, in seconds.
    """

    def __init__(
        self,
        routes: Routes,
        members: Mapping[str, Member],
        health: Health,
        *,
        now: Callable[[], float],
    ) -> None:
        self._routes = routes
        self._members = members
        self._health = health
        self._now = now
        self._since = now()
        self._ready = False
        self._can_work = asyncio.Event()

    def update(self) -> None:
        self._health.set(self.statuses())
        if self._ready:
            self._can_work.set()

    async def ready(self) -> None:
        """Until this gateway can do its work."""
        await self._can_work.wait()

    def statuses(self) -> dict[str, int]:
        """By the names of services."""
        if not self._ready:
            self._ready = self._now() >= self._since + PATIENCE or (
                bool(self._members) and all(each.serving for each in self._members.values())
            )
        found = {
            name: SERVING if member.serving else NOT_SERVING
            for name, member in self._routes.services().items()
        }
        return {"": SERVING if self._ready else NOT_SERVING, **found}

    async def follow(self, *, interval: float = INTERVAL) -> None:
        """Keeps it as it is, for ever."""
        while True:
            self.update()
            await asyncio.sleep(interval if self._ready else min(interval, SOON))
