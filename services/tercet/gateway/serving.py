"""Health over every upstream: one name per gRPC service."""

from __future__ import annotations

import asyncio

from tercet.gateway.routes import Routes
from tercet.rpc.health import NOT_SERVING, SERVING, Health

# Seconds. Endpoints are connected, lost and drained without anybody being told.
INTERVAL = 0.5


def statuses(routes: Routes) -> dict[str, int]:
    """ "" means that this gateway knows its upstreams; a service, that an endpoint takes calls."""
    found = {
        name: SERVING if member.serving else NOT_SERVING
        for name, member in routes.services().items()
    }
    return {"": SERVING, **found}


async def follow(routes: Routes, health: Health, *, interval: float = INTERVAL) -> None:
    """Keeps what the front says of its health, for ever."""
    while True:
        health.set(statuses(routes))
        await asyncio.sleep(interval)
