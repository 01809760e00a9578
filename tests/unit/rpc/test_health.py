"""grpc.health.v1 with Check, List and Watch."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tercet import rpc
from tercet.rpc.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING, Health
from tests.support import running


@pytest.fixture
def health() -> Health:
    made = Health()
    made.set({"": SERVING, "a.B": NOT_SERVING})
    return made


@pytest.fixture
async def stub(
    health: Health, engine: str, tmp_path: Path
) -> AsyncIterator[health_pb2_grpc.HealthStub]:
    server = rpc.server(engine=engine)
    health.add_to(server)
    async with running(server, tmp_path) as channel:
        yield health_pb2_grpc.HealthStub(channel)


def named(name: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


async def test_check(stub: health_pb2_grpc.HealthStub) -> None:
    assert (await stub.Check(named(""))).status == SERVING
    assert (await stub.Check(named("a.B"))).status == NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Check(named("nope"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_list(stub: health_pb2_grpc.HealthStub) -> None:
    answer = await stub.List(health_pb2.HealthListRequest())
    assert {name: each.status for name, each in answer.statuses.items()} == {
        "": SERVING,
        "a.B": NOT_SERVING,
    }


async def test_watch_tells_each_change_once_and_ends_at_shut_down(
    health: Health, stub: health_pb2_grpc.HealthStub
) -> None:
    watch = stub.Watch(named("a.B"))
    assert (await watch.read()).status == NOT_SERVING
    health.set({"": SERVING, "a.B": NOT_SERVING, "other": SERVING})
    health.set({"": SERVING, "a.B": SERVING})
    assert (await watch.read()).status == SERVING
    health.set({"": SERVING})
    assert (await watch.read()).status == SERVICE_UNKNOWN
    health.set({"": SERVING, "a.B": SERVING})
    assert (await watch.read()).status == SERVING
    health.shut_down()
    assert (await watch.read()).status == NOT_SERVING
    assert await watch.read() is grpc.aio.EOF


async def test_after_shut_down_nothing_serves_again(
    health: Health, stub: health_pb2_grpc.HealthStub
) -> None:
    health.shut_down()
    health.set({"": SERVING})
    assert (await stub.Check(named(""))).status == NOT_SERVING


async def test_watchers_that_went_away_leave_nothing(
    health: Health, stub: health_pb2_grpc.HealthStub
) -> None:
    for _ in range(20):
        watch = stub.Watch(named(""))
        await watch.read()
        watch.cancel()
    del watch
    health.set({"": NOT_SERVING})
    assert (await stub.Check(named(""))).status == NOT_SERVING
    gc.collect()
    # The health object refers to nothing of a watcher: its state is all that it has.
    assert set(vars(health)) == {"_status", "_changed", "_closed"}
    assert not health._changed._waiters


async def test_the_end_of_watches_is_no_change_of_health(
    health: Health, stub: health_pb2_grpc.HealthStub
) -> None:
    watch = stub.Watch(named(""))
    assert (await watch.read()).status == SERVING
    health.end_watches()
    assert await watch.read() is grpc.aio.EOF
    assert (await stub.Check(named(""))).status == SERVING
