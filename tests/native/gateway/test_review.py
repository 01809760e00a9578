"""Faults that a review has looked for."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tercet.cluster.region import SharedRegion
from tercet.gateway._p2c import LeastOfTwo
from tercet.gateway._plane import Plane
from tercet.gateway._region import Region
from tercet.gateway._route import Route
from tercet.gateway._upstream import Upstream
from tercet.rpc._limits import Limits
from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame, message
from tests.native.gateway.stage import (
    HEAD,
    OK,
    PATH,
    REQUEST,
    Peer,
    Stage,
    data,
    goaway,
    headers,
    reset,
    settings,
)

BODY = message(b"hello")
REFUSED = frames.REFUSED_STREAM


def call(client: Peer, stream: int, *extra: tuple[bytes, bytes]) -> None:
    client.send(headers(stream, [*REQUEST, *extra]), data(stream, BODY, end=True))


def answer(worker: Peer, stream: int) -> None:
    worker.send(headers(stream, HEAD), headers(stream, OK, end=True))


async def refused_by_one_and_waiting_for_the_other() -> tuple[Stage, Peer, Peer]:
    """One endpoint is busy for long; the other is idle, and has refused the call that waits."""
    stage = Stage(concurrency=1)
    ends = [stage.endpoint("unix:/one"), stage.endpoint("unix:/two")]
    client = stage.client()
    call(client, 1)
    [idle] = [each for each in ends if not each.in_flight]
    call(client, 3)
    worker = stage.peer(idle)
    await worker.settle()
    worker.send(reset(1, REFUSED))
    assert (stage.upstream.waiting, idle.in_flight) == (1, 0)
    return stage, client, worker


async def test_a_call_that_an_idle_endpoint_has_refused_holds_up_nobody() -> None:
    stage, client, worker = await refused_by_one_and_waiting_for_the_other()
    call(client, 5)
    await worker.settle()
    assert stage.upstream.waiting == 1
    assert worker.of(3).data == BODY


async def test_those_behind_a_call_that_is_given_up_are_looked_at() -> None:
    stage, client, worker = await refused_by_one_and_waiting_for_the_other()
    call(client, 5)
    client.send(reset(3, frames.CANCEL))
    await worker.settle()
    assert stage.upstream.waiting == 0
    assert worker.of(3).data == BODY


async def test_a_connection_that_nghttp2_ends_does_not_use_up_the_queue() -> None:
    stage = Stage(concurrency=1)
    endpoint = stage.endpoint()
    worker, client = stage.peer(endpoint), stage.client()
    await worker.settle()
    await client.settle()
    for stream in (1, 3, 5, 7):
        call(client, stream)
    # In the same turn of the loop: the first call's headers have not left yet.
    worker.send(Frame(frames.PING, 0, 1, bytes(8)))
    await client.settle()
    assert [client.of(stream).blocks for stream in (1, 3, 5, 7)] == [[], [], [], []]
    successor = stage.worker(endpoint)
    endpoint.attach(successor.protocol)
    stage.upstream.changed()
    for stream in (1, 3, 5, 7):
        await successor.settle()
        answer(successor, stream)
    await client.settle()
    assert [client.of(stream).status for stream in (1, 3, 5, 7)] == [0, 0, 0, 0]


async def test_answers_that_were_read_before_the_connection_was_lost_count() -> None:
    stage = Stage()
    worker, client = stage.peer(stage.endpoint()), stage.client()
    worker.send(settings(s3=1000))
    streams = range(1, 600, 2)
    for stream in streams:
        call(client, stream)
    await worker.settle()
    # More than is dealt with in one turn of the loop.
    worker.send(*[each for n in streams for each in (headers(n, HEAD), headers(n, OK, end=True))])
    assert not worker.transport.reading
    worker.hang_up(BrokenPipeError(32, "Broken pipe"))
    await client.settle()
    assert stage.tally.codes() == {0: len(streams)}


def speechless(stage: Stage, **options: int) -> None:
    """Its failures cannot be put into words."""

    def failures(reason: int, facts: dict[str, str], code: int = -1) -> Any:
        raise ValueError("no words")

    stage.plane = Plane(stage.region, failures, limits=Limits(), seed=1)
    stage.upstream = Upstream("shop", stage.plane, LeastOfTwo(1), **options)
    stage.route = Route(stage.plane, "/a.B/C", stage.tally, stage.upstream)
    stage._server.known = {PATH: stage.route}


def left(stage: Stage) -> dict[str, int]:
    return {
        "endpoints": sum(each.in_flight for each in stage.upstream.endpoints),
        "route": stage.route.in_flight,
        "waiting": stage.upstream.waiting,
        "wheel": len(stage.plane.wheel),
        "ledger": stage.ledger.snapshot()["calls_running"],
    }


NOTHING = {"endpoints": 0, "route": 0, "waiting": 0, "wheel": 0, "ledger": 0}


async def test_a_failure_without_words_ends_one_call_alone() -> None:
    stage = Stage()
    speechless(stage, concurrency=2, queue=1)
    endpoint = stage.endpoint()
    worker, client = stage.peer(endpoint), stage.client()
    for stream in (1, 3, 5):
        call(client, stream)
    await worker.settle()
    # The queue is full.
    call(client, 7, (b"grpc-timeout", b"10S"))
    await client.settle()
    assert client.of(7).status == 13
    # Found out when the reset of the first has been sent: nobody takes the one that waits.
    endpoint.drained = True
    client.send(reset(1, frames.CANCEL))
    await worker.settle()
    await client.settle()
    assert client.of(5).status == 13
    worker.send(reset(3, 2))
    await client.settle()
    assert client.of(3).status == 13
    assert (client.transport.closed, worker.transport.closed) == (False, False)
    assert left(stage) == NOTHING


async def test_a_call_that_has_waited_before_is_not_polite_for_longer() -> None:
    shared = SharedRegion(2)
    try:
        regions = [Region(shared.fd, slot, shared.eventfds) for slot in range(2)]
        stage = Stage(region=regions[0], concurrency=1)
        endpoint = stage.endpoint()
        worker, client = stage.peer(endpoint), stage.client()
        await worker.settle()
        call(client, 1)
        call(client, 3)
        await asyncio.sleep(2)
        await worker.settle()
        answer(worker, 1)
        await worker.settle()
        # Another gateway, which has been stopped, has an older call.
        column = regions[1].claim("upstream shop")
        regions[1].wait(column, 1, time.monotonic_ns() - 10**10)
        worker.send(goaway(1))
        successor = stage.worker(endpoint)
        endpoint.attach(successor.protocol)
        stage.upstream.changed()
        await asyncio.sleep(0.5)
        await successor.settle()
        assert successor.of(1).data == BODY
    finally:
        shared.close()


async def test_an_upstream_that_is_closed_leaves_its_column_to_the_next() -> None:
    shared = SharedRegion(2)
    try:
        regions = [Region(shared.fd, slot, shared.eventfds) for slot in range(2)]
        stage = Stage(region=regions[0])
        closed = stage.upstream
        closed.close()
        stage.upstream = stage.route.upstream = Upstream(
            "next", stage.plane, LeastOfTwo(1), concurrency=1
        )
        stage.endpoint()
        client = stage.client()
        call(client, 1)
        call(client, 3)
        column = regions[1].claim("upstream next")
        assert regions[1].waiting(column) == 1
        # One who looks after an endpoint of it has not ended yet.
        closed.changed()
        assert regions[1].waiting(column) == 1
    finally:
        shared.close()


async def test_a_reset_is_not_answered_with_one() -> None:
    stage = Stage()
    worker, client = stage.peer(stage.endpoint()), stage.client()
    await client.settle()
    call(client, 1)
    await worker.settle()
    # The answer's headers have not left yet.
    worker.send(headers(1, HEAD))
    client.send(reset(1, frames.CANCEL))
    await client.settle()
    assert client.of(1).frames == []
