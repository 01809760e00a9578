"""Health of each gRPC service behind a gateway, and of the gateway itself."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest

from tercet.gateway.member import Kept
from tercet.gateway.serving import PATIENCE, Serving
from tercet.rpc.health import NOT_SERVING, SERVING, Health
from tests.support import eventually
from tests.unit.gateway.standins import Endpoint, Keeper
from tests.unit.gateway.test_routes import Made


class Clock:
    now = 100.0


def serving(made: Made, health: Health | None = None, clock: type[Clock] = Clock) -> Serving:
    return Serving(made.routes, made.members, health or Health(), now=lambda: clock.now)


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
    found = serving(made).statuses()
    del found[""]
    assert found == {"a.B": status, "c.D": NOT_SERVING}


def test_a_gateway_serves_when_all_upstreams_have() -> None:
    made = Made(one={"a.B"}, two={"c.D"})
    tested = serving(made)
    assert tested.statuses()[""] == NOT_SERVING
    first, second = Endpoint(connected=True), Endpoint(connected=True)
    add(made, "one", first)
    assert tested.statuses()[""] == NOT_SERVING
    add(made, "two", second)
    assert tested.statuses()[""] == SERVING
    first.connected = False
    assert tested.statuses() == {"": SERVING, "a.B": NOT_SERVING, "c.D": SERVING}


def test_a_gateway_that_knows_no_upstream_does_not_serve_yet() -> None:
    assert serving(Made()).statuses()[""] == NOT_SERVING


def test_an_upstream_that_does_not_come_is_waited_for_and_no_longer() -> None:
    class Later(Clock):
        pass

    tested = serving(Made(one={"a.B"}), clock=Later)
    Later.now += PATIENCE - 0.01
    assert tested.statuses()[""] == NOT_SERVING
    Later.now += 0.01
    assert tested.statuses()[""] == SERVING


async def test_changes_that_nobody_tells_are_found() -> None:
    made, health, endpoint = Made(one={"a.B"}), Health(), Endpoint()
    add(made, "one", endpoint)
    following = asyncio.create_task(serving(made, health).follow(interval=0.001))
    await eventually(lambda: health.statistics() == {"": NOT_SERVING, "a.B": NOT_SERVING})
    endpoint.connected = True
    await eventually(lambda: health.statistics() == {"": SERVING, "a.B": SERVING})
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


async def test_whoever_waits_for_it_is_told_when_it_can_work() -> None:
    made, endpoint = Made(one={"a.B"}), Endpoint()
    add(made, "one", endpoint)
    tested = serving(made)
    waiting = asyncio.create_task(tested.ready())
    tested.update()
    await asyncio.sleep(0)
    assert not waiting.done()
    endpoint.connected = True
    tested.update()
    await asyncio.wait_for(waiting, 10)
