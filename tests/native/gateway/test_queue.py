"""Calls that wait for an endpoint: how many, in which order, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tercet.cluster.region import SharedRegion
from tercet.gateway._region import Region
from tests.conformance.wire import frames
from tests.conformance.wire.frames import message
from tests.native.gateway.stage import (
    HEAD,
    OK,
    REQUEST,
    Peer,
    Stage,
    data,
    headers,
    reason,
    reset,
    settings,
)

BODY = message(b"hello")


def call(client: Peer, stream: int, *extra: tuple[bytes, bytes]) -> None:
    client.send(headers(stream, [*REQUEST, *extra]), data(stream, BODY, end=True))


def answer(worker: Peer, stream: int) -> None:
    worker.send(headers(stream, HEAD), headers(stream, OK, end=True))


async def test_one_call_at_a_time_in_the_order_of_their_coming() -> None:
    stage = Stage(concurrency=1)
    endpoint = stage.endpoint()
    worker, client = stage.peer(endpoint), stage.client()
    for stream in (1, 3, 5):
        call(client, stream, (b"n", b"%d" % stream))
    for number, stream in enumerate((1, 3, 5), 1):
        await worker.settle()
        assert (len(worker.streams), endpoint.in_flight) == (number, 1)
        assert ("n", str(stream)) in worker.of(2 * number - 1).blocks[0]
        assert stage.upstream.waiting == 3 - number
        answer(worker, 2 * number - 1)
    await client.settle()
    assert [client.of(stream).status for stream in (1, 3, 5)] == [0, 0, 0]
    assert stage.upstream.statistics() == {"queued": 2, "queue_full": 0, "retries": 0}


async def test_a_full_queue_refuses() -> None:
    stage = Stage(concurrency=1, queue=1)
    stage.endpoint()
    client = stage.client()
    for stream in (1, 3, 5):
        call(client, stream)
    await client.settle()
    refused = client.of(5)
    assert (refused.status, reason(refused)) == (8, "QUEUE_FULL")
    assert "grpc-retry" not in refused.trailers
    assert not client.of(3).frames
    assert stage.upstream.statistics()["queue_full"] == 1


async def test_a_deadline_passes_in_the_queue() -> None:
    stage = Stage(concurrency=1)
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    call(client, 1)
    call(client, 3, (b"grpc-timeout", b"20m"))
    while not client.of(3).ended:
        await client.settle()
    assert (client.of(3).status, reason(client.of(3))) == (4, "DEADLINE_EXCEEDED")
    assert "did not run" in client.of(3).trailers["grpc-message"]
    await worker.settle()
    assert (stage.upstream.waiting, len(worker.streams)) == (0, 1)


async def test_one_that_is_given_up_makes_room_for_the_next() -> None:
    stage = Stage(concurrency=1)
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    for stream in (1, 3, 5):
        call(client, stream, (b"n", b"%d" % stream))
    client.send(reset(3, frames.CANCEL))
    assert stage.upstream.waiting == 1
    await worker.settle()
    answer(worker, 1)
    await worker.settle()
    assert ("n", "5") in worker.of(3).blocks[0]


async def test_no_call_waits_while_an_endpoint_is_free() -> None:
    stage = Stage(concurrency=1, queue=100)
    endpoints = [stage.endpoint(f"unix:/{number}") for number in range(5)]
    client = stage.client()
    for index in range(5):
        call(client, 2 * index + 1)
        assert stage.upstream.waiting == 0
    assert [each.in_flight for each in endpoints] == [1] * 5


async def test_a_call_waits_for_the_first_connection() -> None:
    stage = Stage()
    endpoint = stage.endpoint(connected=False)
    client = stage.client()
    call(client, 1)
    await client.settle()
    assert (stage.upstream.waiting, client.of(1).frames) == (1, [])
    worker = stage.worker(endpoint)
    endpoint.attach(worker.protocol)
    stage.upstream.changed()
    await worker.settle()
    assert worker.of(1).data == BODY


async def test_calls_that_wait_for_an_endpoint_fail_when_it_cannot_be_had() -> None:
    stage = Stage()
    endpoint = stage.endpoint(connected=False)
    client = stage.client()
    call(client, 1)
    call(client, 3)
    endpoint.failing, endpoint.error = True, "Connection refused"
    stage.upstream.changed()
    await client.settle()
    assert [reason(client.of(stream)) for stream in (1, 3)] == ["NO_READY_WORKER"] * 2
    assert stage.upstream.waiting == 0


async def test_calls_wait_for_an_endpoint_that_is_expected() -> None:
    stage = Stage()
    stage.upstream.expect(True)
    client = stage.client()
    call(client, 1)
    await client.settle()
    assert (stage.upstream.waiting, client.of(1).frames) == (1, [])
    worker = stage.peer(stage.endpoint())
    stage.upstream.expect(False)
    await worker.settle()
    assert worker.of(1).data == BODY


async def test_calls_fail_when_the_endpoint_that_was_expected_does_not_come() -> None:
    stage = Stage(queue=1)
    stage.upstream.expect(True)
    client = stage.client()
    call(client, 1)
    call(client, 3)
    await client.settle()
    assert reason(client.of(3)) == "QUEUE_FULL"
    stage.upstream.expect(False)
    await client.settle()
    assert reason(client.of(1)) == "NO_READY_WORKER"
    assert stage.upstream.waiting == 0


@pytest.mark.parametrize("said", [True, False])
async def test_when_the_last_endpoint_is_lost_calls_wait_for_word_of_what_comes(said: bool) -> None:
    stage = Stage(patience=60 if said else 0.05)
    endpoint = stage.endpoint()
    endpoint.attach(None)
    endpoint.failing = True
    stage.upstream.changed()
    client = stage.client()
    call(client, 1)
    await client.settle()
    assert stage.upstream.waiting == 1
    if said:
        stage.upstream.expect(True)
        stage.upstream.remove(endpoint)
        worker = stage.peer(stage.endpoint("unix:/two"))
        await worker.settle()
        assert worker.of(1).data == BODY
    else:
        while not client.of(1).ended:
            await client.settle()
        assert reason(client.of(1)) == "NO_READY_WORKER"


async def test_a_call_that_an_endpoint_has_refused_waits_for_the_next() -> None:
    stage = Stage(patience=60)
    endpoint = stage.endpoint()
    worker, client = stage.peer(endpoint), stage.client()
    call(client, 1)
    await worker.settle()
    stage.upstream.expect(True)
    worker.send(reset(1, frames.REFUSED_STREAM))
    await client.settle()
    stage.upstream.remove(endpoint)
    next_one = stage.peer(stage.endpoint("unix:/two"))
    await next_one.settle()
    assert next_one.of(1).data == BODY


async def test_calls_of_an_upstream_that_is_closed_do_not_wait() -> None:
    stage = Stage(patience=60)
    stage.endpoint(connected=False)
    stage.upstream.expect(True)
    client = stage.client()
    call(client, 1)
    stage.upstream.close()
    await client.settle()
    assert reason(client.of(1)) == "NO_READY_WORKER"


@pytest.mark.parametrize("state", ["drained", "unhealthy", "removed"])
async def test_an_endpoint_that_is_out_keeps_its_calls_and_gets_no_more(state: str) -> None:
    stage = Stage()
    one, two = stage.endpoint("unix:/one"), stage.endpoint("unix:/two")
    client = stage.client()
    call(client, 1)
    busy, other = (one, two) if one.in_flight else (two, one)
    worker = stage.peer(busy)
    await worker.settle()
    if state == "drained":
        busy.drained = True
    elif state == "unhealthy":
        busy.healthy = False
    else:
        stage.upstream.remove(busy)
    stage.upstream.changed()
    for stream in (3, 5, 7):
        call(client, stream)
    assert (busy.in_flight, other.in_flight) == (1, 3)
    answer(worker, 1)
    await client.settle()
    assert client.of(1).status == 0


async def test_a_worker_says_how_many_calls_it_takes() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    worker.send(settings(s3=1))
    client = stage.client()
    call(client, 1)
    call(client, 3)
    await worker.settle()
    assert (len(worker.streams), stage.upstream.waiting) == (1, 1)
    worker.send(settings(s3=2))
    await asyncio.sleep(0.01)
    await worker.settle()
    assert len(worker.streams) == 2


@pytest.fixture
def regions() -> Iterator[tuple[Region, Region]]:
    """Of two gateways."""
    shared = SharedRegion(2)
    try:
        yield tuple(Region(shared.fd, slot, shared.eventfds) for slot in range(2))  # type: ignore[misc]
    finally:
        shared.close()


def pair(regions: tuple[Region, Region], **options: int) -> tuple[Stage, Stage]:
    stages = Stage(region=regions[0], **options), Stage(region=regions[1], **options)
    for stage in stages:
        asyncio.get_running_loop().add_reader(stage.region.eventfd, woken, stage)
    return stages


def woken(stage: Stage) -> None:
    stage.region.drain()
    stage.upstream.woken()


async def test_two_gateways_keep_one_limit_and_wake_each_other(
    regions: tuple[Region, Region],
) -> None:
    here, there = pair(regions, concurrency=1)
    ends = here.endpoint(), there.endpoint()
    clients = here.client(), there.client()
    call(clients[0], 1)
    call(clients[1], 1)
    assert [each.in_flight for each in ends] == [1, 0]
    assert [each.total_in_flight for each in ends] == [1, 1]
    assert there.upstream.waiting == 1
    await here.peer(ends[0]).settle()
    answer(here.peer(ends[0]), 1)
    await asyncio.sleep(0.02)
    assert [each.in_flight for each in ends] == [0, 1]
    assert there.upstream.waiting == 0
    for stage in (here, there):
        asyncio.get_running_loop().remove_reader(stage.region.eventfd)


async def test_the_oldest_call_of_all_gateways_goes_first(regions: tuple[Region, Region]) -> None:
    here, there = pair(regions, concurrency=1)
    ends = here.endpoint(), there.endpoint()
    clients = here.client(), there.client()
    call(clients[0], 1)
    call(clients[1], 1)
    await asyncio.sleep(0.005)
    # Younger than the one that waits there; and here a place will be free first.
    call(clients[0], 3)
    await here.peer(ends[0]).settle()
    answer(here.peer(ends[0]), 1)
    await asyncio.sleep(0.02)
    assert [each.in_flight for each in ends] == [0, 1]
    await there.peer(ends[1]).settle()
    answer(there.peer(ends[1]), 1)
    await asyncio.sleep(0.02)
    assert [each.in_flight for each in ends] == [1, 0]
    for stage in (here, there):
        asyncio.get_running_loop().remove_reader(stage.region.eventfd)


async def test_a_gateway_that_does_not_move_holds_up_nobody(
    regions: tuple[Region, Region],
) -> None:
    here, there = pair(regions, concurrency=1)
    # It hears nothing any more.
    asyncio.get_running_loop().remove_reader(there.region.eventfd)
    ends = here.endpoint(), there.endpoint()
    clients = here.client(), there.client()
    call(clients[0], 1)
    call(clients[1], 1)
    call(clients[0], 3)
    await here.peer(ends[0]).settle()
    answer(here.peer(ends[0]), 1)
    await asyncio.sleep(0.05)
    assert [each.in_flight for each in ends] == [1, 0]
    assert there.upstream.waiting == 1
    asyncio.get_running_loop().remove_reader(here.region.eventfd)


async def test_calls_wait_for_an_endpoint_that_hangs_and_not_for_one_that_is_ill() -> None:
    stage = Stage()
    endpoint = stage.endpoint()
    client = stage.client()
    endpoint.healthy, endpoint.hangs = False, True
    stage.upstream.changed()
    call(client, 1)
    assert stage.upstream.waiting == 1
    endpoint.hangs, endpoint.error = False, "it says NOT_SERVING"
    stage.upstream.changed()
    await client.settle()
    assert (stage.upstream.waiting, reason(client.of(1))) == (0, "NO_READY_WORKER")
    assert "NOT_SERVING" in client.of(1).trailers["grpc-message"]
