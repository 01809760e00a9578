"""What becomes of calls when an endpoint fails them: tried elsewhere, or a status that says why."""

from __future__ import annotations

import pytest

from tercet.gateway._policy import Policy
from tercet.gateway._round_robin import RoundRobin
from tests.conformance.wire import frames
from tests.conformance.wire.connection import Answer
from tests.conformance.wire.frames import Frame, message
from tests.native.gateway.stage import (
    HEAD,
    OK,
    REQUEST,
    Peer,
    Stage,
    data,
    goaway,
    headers,
    reason,
    reset,
    settings,
)

BODY = message(b"hello")
REFUSED, CALM, INSECURE = frames.REFUSED_STREAM, 11, 12


async def begun(stage: Stage, body: bytes = BODY) -> tuple[Peer, Peer]:
    """A client with a call, and the worker that has it."""
    client = stage.client()
    client.send(headers(1, REQUEST), data(1, body, end=True))
    peers = [stage.peer(endpoint) for endpoint in stage.upstream.endpoints]
    for peer in peers:
        await peer.settle()
    [worker] = [peer for peer in peers if peer.of(1).blocks]
    return client, worker


async def answered(client: Peer, stage: Stage) -> Answer:
    for endpoint in stage.upstream.endpoints:
        await stage.peer(endpoint).settle()
    await client.settle()
    return client.of(1)


def two(policy: Policy | None = None) -> Stage:
    stage = Stage(policy=policy or RoundRobin())
    stage.endpoint("unix:/one")
    stage.endpoint("unix:/two")
    return stage


async def test_a_refused_call_goes_to_another_endpoint() -> None:
    stage = two()
    client, first = await begun(stage)
    first.send(reset(1, REFUSED))
    assert not (await answered(client, stage)).frames
    [second] = [
        stage.peer(each) for each in stage.upstream.endpoints if stage.peer(each) is not first
    ]
    assert (second.of(1).data, second.of(1).ended) == (BODY, True)
    second.send(headers(1, HEAD), data(1, BODY), headers(1, OK, end=True))
    answer = await answered(client, stage)
    assert (answer.status, answer.data) == (0, BODY)
    assert stage.upstream.statistics()["retries"] == 1
    assert stage.tally.codes() == {0: 1}


async def test_a_call_that_all_refuse_did_not_start() -> None:
    stage = two()
    client, first = await begun(stage)
    first.send(reset(1, REFUSED))
    await answered(client, stage)
    [second] = [
        stage.peer(each) for each in stage.upstream.endpoints if stage.peer(each) is not first
    ]
    second.send(reset(1, REFUSED))
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (14, "NOT_STARTED")
    assert sum(each.in_flight for each in stage.upstream.endpoints) == 0


async def test_what_is_sent_again_is_given_back_to_the_client_once() -> None:
    stage = two()
    body = bytes(60_000)
    client, first = await begun(stage, body)
    await client.settle()
    first.send(reset(1, REFUSED))
    answer = await answered(client, stage)
    assert not answer.frames
    connection = client.granted(0) - ((64 << 20) - 65535)
    assert connection <= len(body)
    assert client.granted(1) <= len(body)


async def test_a_request_that_is_no_longer_at_hand_is_not_sent_again() -> None:
    stage = two()
    client = stage.client()
    # Our window is in force once the client has acknowledged it.
    await client.settle()
    client.send(headers(1, REQUEST))
    for endpoint in stage.upstream.endpoints:
        stage.peer(endpoint).send(
            Frame(frames.WINDOW_UPDATE, 0, 0, (1 << 20).to_bytes(4, "big")), settings(s4=1 << 20)
        )
    for _ in range(5):
        client.send(data(1, bytes(16384)))
    await answered(client, stage)
    [worker] = [
        stage.peer(each) for each in stage.upstream.endpoints if stage.peer(each).of(1).blocks
    ]
    assert len(worker.of(1).data) == 5 * 16384
    worker.send(reset(1, REFUSED))
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (14, "NOT_STARTED")


async def test_a_call_above_goaways_last_goes_elsewhere_and_one_below_stays() -> None:
    stage = Stage()
    endpoint = stage.endpoint()
    worker, client = stage.peer(endpoint), stage.client()
    for stream in (1, 3):
        client.send(headers(stream, REQUEST), data(stream, BODY, end=True))
    await worker.settle()
    worker.send(goaway(1))
    await client.settle()
    assert not endpoint.connected
    # Its next connection may have it: it was not the endpoint that refused.
    successor = stage.worker(endpoint)
    endpoint.attach(successor.protocol)
    stage.upstream.changed()
    await successor.settle()
    assert successor.of(1).data == BODY
    successor.send(headers(1, HEAD), headers(1, OK, end=True))
    worker.send(headers(1, HEAD), headers(1, OK, end=True))
    await client.settle()
    assert [client.of(stream).status for stream in (1, 3)] == [0, 0]
    assert worker.transport.closed
    assert not successor.transport.closed


async def test_a_lost_connection_may_have_run_the_call() -> None:
    stage = two()
    client, worker = await begun(stage)
    worker.hang_up(ConnectionResetError(104, "Connection reset by peer"))
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (14, "WORKER_LOST")
    assert "Connection reset by peer" in answer.trailers["grpc-message"]
    assert stage.tally.codes() == {14: 1}


async def test_a_call_whose_headers_were_not_sent_goes_elsewhere() -> None:
    stage = two()
    client = stage.client()
    peers = [stage.peer(each) for each in stage.upstream.endpoints]
    # Both connections are full, so that nothing leaves.
    for peer in peers:
        await peer.settle()
        peer.protocol.pause_writing()
    client.send(headers(1, REQUEST), data(1, BODY, end=True))
    [busy] = [each for each in stage.upstream.endpoints if each.in_flight]
    [other] = [each for each in stage.upstream.endpoints if each is not busy]
    stage.peer(busy).hang_up()
    await client.settle()
    assert (busy.in_flight, other.in_flight) == (0, 1)
    stage.peer(other).protocol.resume_writing()
    await stage.peer(other).settle()
    assert stage.peer(other).of(1).data == BODY


async def test_after_the_headers_a_lost_call_ends_with_trailers() -> None:
    stage = two()
    client, worker = await begun(stage)
    worker.send(headers(1, HEAD), data(1, BODY))
    await client.settle()
    worker.hang_up()
    answer = await answered(client, stage)
    assert [frame.type for frame in answer.frames] == [frames.HEADERS, frames.DATA, frames.HEADERS]
    assert answer.data == BODY
    assert (answer.status, reason(answer)) == (14, "WORKER_LOST")
    assert answer.reset is None


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, 13), (1, 13), (2, 13), (frames.CANCEL, 1), (CALM, 8), (INSECURE, 7), (13, 13), (99, 13)],
)
@pytest.mark.parametrize("late", [False, True])
async def test_a_reset_says_what_it_means(code: int, status: int, late: bool) -> None:
    stage = two()
    client, worker = await begun(stage)
    if late:
        worker.send(headers(1, HEAD), data(1, BODY))
    worker.send(reset(1, code))
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (status, "UPSTREAM_RESET")
    assert stage.upstream.statistics()["retries"] == 0


async def test_a_refusal_after_the_headers_is_the_end() -> None:
    stage = two()
    client, worker = await begun(stage)
    worker.send(headers(1, HEAD), reset(1, REFUSED))
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (14, "UPSTREAM_RESET")


async def test_a_reset_after_the_trailers_changes_nothing() -> None:
    stage = two()
    client = stage.client()
    client.send(headers(1, REQUEST), data(1, BODY))
    await answered(client, stage)
    [worker] = [
        stage.peer(each) for each in stage.upstream.endpoints if stage.peer(each).of(1).blocks
    ]
    worker.send(headers(1, HEAD), data(1, BODY), headers(1, OK, end=True), reset(1, 0))
    answer = await answered(client, stage)
    assert (answer.status, answer.data) == (0, BODY)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ([headers(1, HEAD, end=True)], 13),
        ([headers(1, HEAD), data(1, BODY, end=True)], 13),
        ([headers(1, HEAD), data(1, BODY), headers(1, [(b"x", b"y")], end=True)], 13),
        ([headers(1, [*HEAD, (b"x", bytes(5000))])], 13),
        ([headers(1, [*HEAD, *([(b"x", b"y")] * 60)])], 13),
        ([headers(1, HEAD), headers(1, [*OK, (b"x", bytes(5000))], end=True)], 13),
        ([headers(1, [(b"content-type", b"application/grpc")])], 13),
        ([data(1, BODY)], 13),
    ],
)
async def test_an_answer_that_is_not_grpc_is_told_as_such(answer: list[Frame], status: int) -> None:
    stage = two()
    client, worker = await begun(stage)
    worker.send(*answer)
    seen = await answered(client, stage)
    assert (seen.status, reason(seen)) == (status, "UPSTREAM_PROTOCOL_ERROR")
    assert sum(each.in_flight for each in stage.upstream.endpoints) == 0


@pytest.mark.parametrize(
    "rubbish",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        bytes(range(256)),
        Frame(frames.PING, 0, 0, b"short").encode(),
        Frame(frames.HEADERS, 4, 1, b"\xff\xff\xff\xff").encode(),
    ],
)
async def test_an_endpoint_that_breaks_http2_loses_its_connection(rubbish: bytes) -> None:
    stage = two()
    client, worker = await begun(stage)
    worker.feed(rubbish)
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (13, "UPSTREAM_PROTOCOL_ERROR")
    assert worker.transport.closed
    # The other one has the next call.
    client.send(headers(3, REQUEST), data(3, BODY, end=True))
    await answered(client, stage)
    [other] = [
        stage.peer(each) for each in stage.upstream.endpoints if stage.peer(each) is not worker
    ]
    assert other.of(1).data == BODY


@pytest.mark.parametrize(
    "flood",
    [
        Frame(frames.PING, 0, 0, bytes(8)),
        Frame(frames.SETTINGS, 0, 0, b""),
        Frame(frames.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
        Frame(frames.DATA, 0, 1, b""),
        Frame(99, 0, 0, b""),
        Frame(frames.CONTINUATION, 0, 1, b""),
    ],
)
async def test_an_endpoint_that_floods_loses_its_connection(flood: Frame) -> None:
    stage = two()
    client, worker = await begun(stage)
    if flood.type == frames.CONTINUATION:
        worker.send(Frame(frames.HEADERS, 0, 1, b""))
    elif flood.type == frames.DATA:
        worker.send(headers(1, HEAD))
    for _ in range(40):
        worker.send(*[flood] * 1000)
        await worker.settle()
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (13, "UPSTREAM_PROTOCOL_ERROR")
    assert worker.transport.closed


async def test_a_deadline_ends_a_call_whose_client_does_not_read() -> None:
    stage = two()
    client = stage.client()
    client.send(settings(s4=0), headers(1, [*REQUEST, (b"grpc-timeout", b"50m")], end=True))
    await answered(client, stage)
    [worker] = [
        stage.peer(each) for each in stage.upstream.endpoints if stage.peer(each).of(1).blocks
    ]
    worker.send(headers(1, HEAD), data(1, BODY))
    while not client.of(1).ended:
        await client.settle()
    assert (client.of(1).status, reason(client.of(1))) == (4, "DEADLINE_EXCEEDED")
    assert client.of(1).data == b""


async def test_a_gateway_that_stops_says_so() -> None:
    stage = two()
    client, worker = await begun(stage)
    client.protocol.terminate()
    answer = await answered(client, stage)
    assert (answer.status, reason(answer)) == (14, "GATEWAY_STOPPING")
    await worker.settle()
    assert worker.of(1).reset == frames.CANCEL


async def test_nobody_ready() -> None:
    stage = Stage()
    endpoint = stage.endpoint(connected=False)
    endpoint.failing = True
    endpoint.error = "Connection refused"
    client = stage.client()
    client.send(headers(1, REQUEST, end=True))
    await client.settle()
    assert (client.of(1).status, reason(client.of(1))) == (14, "NO_READY_WORKER")
    assert "Connection refused" in client.of(1).trailers["grpc-message"]
