"""Faults that a review has looked for."""

from __future__ import annotations

import asyncio

from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame, message
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
    worker.send(
        *[each for n in streams for each in (headers(n, HEAD), headers(n, OK, end=True))]
    )
    assert not worker.transport.reading
    worker.hang_up(BrokenPipeError(32, "Broken pipe"))
    await client.settle()
    assert stage.tally.codes() == {0: len(streams)}
