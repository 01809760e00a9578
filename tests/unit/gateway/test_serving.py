"""Health of each gRPC service behind a gateway."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest

from tercet.gateway.member import Kept
from tercet.gateway.serving import follow, statuses
from tercet.rpc.health import NOT_SERVING, SERVING, Health
from tests.support import eventually
from tests.unit.gateway.standins import Endpoint, Keeper
from tests.unit.gateway.test_routes import Made


def add(made: Made, name: str, endpoint: Endpoint) -> None:
    kept = made.members[name].kept
    kept[str(len(kept))] = Kept(cast("Any", endpoint), Keeper(lambda: None, lambda: None))


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ({}, NOT_SERVING),
        ({"connected": True}, SERVING),
        ({"connected": True, "healthy": False}, NOT_SERVING),
        ({"connected": True, "drained": True}, NOT_SERVING),
    ],
)
def test_a_service_serves_with_one_endpoint_that_takes_calls(
    state: dict[str, bool], status: int
) -> None:
    made = Made(one={"a.B"}, two={"c.D"})
    add(made, "one", Endpoint())
    add(made, "one", Endpoint(**state))
    assert statuses(made.routes) == {"": SERVING, "a.B": status, "c.D": NOT_SERVING}


async def test_changes_that_nobody_tells_are_found() -> None:
    made, health, endpoint = Made(one={"a.B"}), Health(), Endpoint()
    add(made, "one", endpoint)
    following = asyncio.create_task(follow(made.routes, health, interval=0.001))
    await eventually(lambda: health.statistics() == {"": SERVING, "a.B": NOT_SERVING})
    endpoint.connected = True
    await eventually(lambda: health.statistics() == {"": SERVING, "a.B": SERVING})
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
