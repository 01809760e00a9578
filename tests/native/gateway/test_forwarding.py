"""What passes, and what becomes of it, frame by frame."""

from __future__ import annotations

import asyncio

import pytest

from tercet.rpc._limits import Limits
from tests.conformance.wire import frames
from tests.conformance.wire.frames import message
from tests.native.gateway.stage import (
    HEAD,
    OK,
    PATH,
    REQUEST,
    Stage,
    data,
    headers,
    reason,
    reset,
    settings,
    window,
)

BODY = message(b"hello")


def without(fields: list[tuple[bytes, bytes]], name: bytes) -> list[tuple[bytes, bytes]]:
    return [pair for pair in fields if pair[0] != name]


async def test_a_unary_call_and_its_answer() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, REQUEST), data(1, BODY, end=True))
    await worker.settle()
    asked = worker.of(1)
    assert asked.blocks == [
        [
            (name.decode(), value.decode())
            for name, value in sorted(REQUEST, key=lambda pair: pair[0] != b":path")
        ]
    ]
    assert (asked.data, asked.ended) == (BODY, True)
    worker.send(headers(1, HEAD), data(1, BODY), headers(1, OK, end=True))
    await client.settle()
    answer = client.of(1)
    assert [frame.type for frame in answer.frames] == [frames.HEADERS, frames.DATA, frames.HEADERS]
    assert (answer.headers[":status"], answer.data, answer.status) == ("200", BODY, 0)
    assert answer.ended
    assert stage.tally.codes() == {0: 1}
    assert stage.route.in_flight == 0


async def test_fields_pass_in_their_order_with_duplicates_and_binary_values() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    extra = [(b"b", b"1"), (b"a-bin", b"AAEC"), (b"b", b"2"), (b"cookie", b"x=y"), (b"a", b"")]
    client.send(headers(1, [*REQUEST, *extra], end=True))
    await worker.settle()
    assert worker.of(1).blocks[0][-5:] == [(name.decode(), value.decode()) for name, value in extra]
    worker.send(headers(1, [*HEAD, *extra]), headers(1, [*OK, *extra], end=True))
    await client.settle()
    head, tail = client.of(1).blocks
    assert head[2:] == tail[1:] == [(name.decode(), value.decode()) for name, value in extra]


async def test_trailers_only_stay_one_frame() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, REQUEST), data(1, BODY, end=True))
    await worker.settle()
    worker.send(headers(1, [*HEAD, (b"grpc-status", b"5")], end=True))
    await client.settle()
    [frame] = client.of(1).frames
    assert frame.type == frames.HEADERS
    assert client.of(1).status == 5
    assert stage.tally.codes() == {5: 1}


async def test_a_half_close_passes_alone() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, REQUEST), data(1, BODY))
    await worker.settle()
    assert (worker.of(1).data, worker.of(1).ended) == (BODY, False)
    client.send(data(1, b"", end=True))
    await worker.settle()
    assert worker.of(1).ended


async def test_an_answer_before_the_half_close_ends_the_request() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, REQUEST), data(1, BODY))
    await worker.settle()
    worker.send(headers(1, HEAD), data(1, BODY), headers(1, OK, end=True))
    await client.settle()
    await worker.settle()
    assert client.of(1).status == 0
    # RFC 9113, section 8.1, for both.
    assert client.of(1).reset == worker.of(1).reset == frames.NO_ERROR
    # What was under way is of no use, and does no harm.
    client.send(data(1, bytes(1000), end=True))
    await client.settle()
    assert not client.transport.closed


async def test_informational_headers_are_skipped() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, REQUEST, end=True))
    await worker.settle()
    worker.send(headers(1, [(b":status", b"103"), (b"link", b"x")]))
    worker.send(headers(1, HEAD), headers(1, OK, end=True))
    await client.settle()
    assert client.of(1).blocks[0] == [(":status", "200"), ("content-type", "application/grpc")]


async def test_a_cancel_reaches_the_worker() -> None:
    stage = Stage()
    endpoint = stage.endpoint()
    worker = stage.peer(endpoint)
    client = stage.client()
    client.send(headers(1, REQUEST), data(1, BODY))
    await worker.settle()
    assert endpoint.in_flight == stage.route.in_flight == 1
    client.send(reset(1, frames.CANCEL))
    await worker.settle()
    assert worker.of(1).reset == frames.CANCEL
    assert stage.tally.codes() == {1: 1}
    assert endpoint.in_flight == endpoint.total_in_flight == stage.route.in_flight == 0


@pytest.mark.parametrize(
    "breach",
    [headers(1, [(b"no", b"end")]), window(1, (1 << 31) - 1)],
    ids=["trailers that do not end", "overflow"],
)
async def test_a_call_that_is_broken_as_it_comes_reaches_no_worker(breach: frames.Frame) -> None:
    """MadeYouReset (CVE-2025-8671): as cheap for the worker as a call that is given up at once."""
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, REQUEST), breach)
    await client.settle()
    await worker.settle()
    assert client.of(1).reset in (frames.PROTOCOL_ERROR, frames.FLOW_CONTROL_ERROR)
    assert not worker.of(1).frames
    assert stage.route.in_flight == 0
    client.send(headers(3, REQUEST), data(3, BODY, end=True))
    await worker.settle()
    assert len(worker.streams) == 1


async def test_a_lost_client_cancels_its_calls() -> None:
    stage = Stage()
    endpoint = stage.endpoint()
    worker = stage.peer(endpoint)
    client = stage.client()
    for stream in (1, 3, 5):
        client.send(headers(stream, REQUEST), data(stream, BODY))
    await worker.settle()
    client.hang_up()
    await worker.settle()
    assert [worker.of(stream).reset for stream in (1, 3, 5)] == [frames.CANCEL] * 3
    assert endpoint.in_flight == stage.route.in_flight == 0
    assert stage.tally.codes() == {1: 3}


async def test_a_timeout_passes_and_ends_the_call() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, [*REQUEST, (b"grpc-timeout", b"30m")]), data(1, BODY))
    await worker.settle()
    assert ("grpc-timeout", "30m") in worker.of(1).blocks[0]
    while not client.of(1).ended:
        await client.settle()
    assert client.of(1).status == 4
    await worker.settle()
    assert worker.of(1).reset == frames.CANCEL
    assert len(stage.plane.wheel) == 0


async def test_a_call_that_waited_has_less_time() -> None:
    stage = Stage(concurrency=1)
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    timeout = (b"grpc-timeout", b"20S")
    client.send(headers(1, REQUEST), data(1, BODY))
    client.send(headers(3, [*REQUEST, timeout]), data(3, BODY, end=True))
    await worker.settle()
    assert worker.of(3).blocks == []
    await asyncio.sleep(0.01)
    client.send(reset(1, frames.CANCEL))
    await worker.settle()
    [found] = [value for name, value in worker.of(3).blocks[0] if name == "grpc-timeout"]
    assert found.endswith("u")
    assert 10e6 < int(found[:-1]) < 20e6


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (without(REQUEST, b"content-type"), {":status": "415"}),
        ([*without(REQUEST, b"content-type"), (b"content-type", b"text/html")], {":status": "415"}),
        ([(b":method", b"GET"), *REQUEST[1:]], {":status": "405", "allow": "POST"}),
    ],
)
async def test_what_is_not_grpc_is_answered_in_http(
    fields: list[tuple[bytes, bytes]], expected: dict[str, str]
) -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, fields, end=True))
    await client.settle()
    assert client.of(1).headers == expected
    assert client.of(1).ended
    await worker.settle()
    assert worker.streams == {}


async def test_a_malformed_timeout_is_refused() -> None:
    stage = Stage()
    stage.endpoint()
    client = stage.client()
    client.send(headers(1, [*REQUEST, (b"grpc-timeout", b"soon")], end=True))
    await client.settle()
    assert client.of(1).status == 13


async def test_bytes_pass_as_they_come_whatever_messages_they_are() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(headers(1, REQUEST))
    pieces = [bytes([index]) * size for index, size in enumerate([1, 3, 0, 5000, 16384, 1, 30])]
    for piece in pieces:
        client.send(data(1, piece))
        await worker.settle()
    assert worker.of(1).data == b"".join(pieces)
    worker.send(headers(1, HEAD))
    for piece in pieces:
        worker.send(data(1, piece))
    await client.settle()
    assert client.of(1).data == b"".join(pieces)


async def test_a_stalled_client_holds_its_own_window_and_no_more() -> None:
    stage = Stage(window=65535)
    worker = stage.peer(stage.endpoint())
    stalled, other = stage.client(), stage.client()
    stalled.send(settings(s4=0))
    for client in (stalled, other):
        client.send(headers(1, REQUEST, end=True))
        await worker.settle()
    # 1 is the stalled one's stream, 3 the other's; the connection's window is never the brake.
    for stream in (1, 3):
        worker.send(headers(stream, HEAD))
        for _ in range(3):
            worker.send(data(stream, bytes(16384)))
    await stalled.settle()
    await other.settle()
    await worker.settle()
    assert (len(stalled.of(1).data), len(other.of(1).data)) == (0, 49152)
    assert worker.granted(1) == 0
    assert worker.granted(3) >= 32768
    assert worker.granted(0) >= (1 << 31) - 1 - 65535
    stalled.send(window(1, 49152))
    await stalled.settle()
    await worker.settle()
    assert len(stalled.of(1).data) == 49152
    assert worker.granted(1) >= 32768


async def test_a_slow_worker_holds_back_its_client() -> None:
    stage = Stage()
    worker = stage.peer(stage.endpoint())
    worker.send(settings(s4=0))
    client = stage.client()
    client.send(headers(1, REQUEST))
    await worker.settle()
    await client.settle()
    for _ in range(64):
        client.send(data(1, bytes(16384)))
    await worker.settle()
    await client.settle()
    assert worker.of(1).data == b""
    assert client.granted(1) == 0
    before = client.granted(0)
    worker.send(window(1, 1 << 20))
    # The connection's own window is the peer's to grant as well.
    worker.send(window(0, 1 << 20))
    for _ in range(20):
        await worker.settle()
        await client.settle()
    assert len(worker.of(1).data) == 1 << 20
    assert client.granted(1) >= 1 << 19
    assert before == (64 << 20) - 65535


async def test_a_path_that_leads_nowhere() -> None:
    stage = Stage()
    stage.endpoint()
    stage.route.upstream = None
    client = stage.client()
    client.send(headers(1, REQUEST, end=True))
    await client.settle()
    assert client.of(1).status == 12
    assert PATH.decode().rpartition("/")[0][1:] in client.of(1).trailers["grpc-message"]


async def test_what_a_client_may_leave_unread_is_bounded() -> None:
    stage = Stage(limits=Limits(unsent_bytes=100_000))
    worker = stage.peer(stage.endpoint())
    client = stage.client()
    client.send(settings(s4=0))
    for stream in (1, 3, 5):
        client.send(headers(stream, REQUEST, end=True))
    await worker.settle()
    for stream in (1, 3, 5):
        worker.send(headers(stream, HEAD))
        for _ in range(3):
            worker.send(data(stream, bytes(16384)))
    await client.settle()
    await worker.settle()
    assert [client.of(stream).ended for stream in (1, 3, 5)] == [False, False, True]
    assert (client.of(5).status, reason(client.of(5))) == (8, "TOO_MUCH_UNREAD")
    assert worker.of(5).reset == frames.CANCEL
    assert stage.limits.snapshot()["unsent_bytes"] == 1
