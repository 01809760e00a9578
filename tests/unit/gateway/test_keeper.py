"""One endpoint looked after, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, cast

from tercet import rpc
from tercet.gateway.config import HealthChecks
from tercet.gateway.keeper import Keeper
from tercet.gateway.sources.source import Address
from tercet.rpc.health import NOT_SERVING, Health
from tests.support import eventually, running
from tests.unit.gateway.standins import Endpoint, Subchannel, Upstream


async def test_it_is_connected_checked_and_let_go(tmp_path: Path) -> None:
    address = Address(f"unix:{tmp_path}/s")
    upstream, endpoint, made = Upstream(), Endpoint(address.target), list[Subchannel]()
    told: list[str] = []

    def factory(leave_taken: Callable[[], None]) -> Subchannel:
        made.append(Subchannel(leave_taken))
        return made[-1]

    def connected() -> None:
        told.append("connected")

    def failed() -> None:
        told.append("failed")

    keeper = Keeper(
        cast("Any", upstream),
        cast("Any", endpoint),
        address,
        factory,
        # The first check comes with the connection.
        checks=HealthChecks(interval=3600),
        tls=None,
        rng=Random(1),
        connected=connected,
        failed=failed,
    )
    await eventually(lambda: "failed" in told)
    server, health = rpc.server(), Health()
    health.set({"": NOT_SERVING})
    health.add_to(server)
    async with running(server, tmp_path):
        await eventually(lambda: "connected" in told)
        await eventually(lambda: not endpoint.healthy)
        await keeper.close()
        assert made[-1].closed
