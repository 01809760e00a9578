"""One call through a gateway's router to a real server: what goes in comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tercet.cluster.v1 import cluster_pb2
from tercet.gateway.directory import Directory
from tercet.gateway.router import Router
from tests.support import eventually, running

BINARY = bytes(range(256))


class Upstream:
    """A servicer of raw bytes that remembers what happened to its handlers."""

    def __init__(self) -> None:
        self.metadata: list[tuple[str, Any]] = []
        self.remaining: float | None = None
        self.cancelled = 0
        self.running = 0

    async def unary(self, request: bytes, context: Any) -> bytes:
        self.metadata = list(context.invocation_metadata())
        self.remaining = context.time_remaining()
        await context.send_initial_metadata((("initial", "yes"), ("i-bin", BINARY)))
        context.set_trailing_metadata((("t", "1"), ("t", "2"), ("t-bin", BINARY)))
        return request[::-1]

    async def fail(self, request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", b"rich"),))
        await context.abort(grpc.StatusCode.DATA_LOSS, "größer als é")
        raise AssertionError

    async def count(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield str(number).encode()

    async def total(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        return str(sum([int(each) async for each in requests])).encode()

    async def echo(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for each in requests:
            yield each

    async def early(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        yield b"enough"

    async def hang(self, request: bytes, context: Any) -> bytes:
        self.running += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return b""

    async def flaky(self, request: bytes, context: Any) -> bytes:
        attempts = dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts")
        if attempts is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "first attempt")
        return str(attempts).encode()

    async def greet(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        await context.send_initial_metadata(())
        async for each in requests:
            yield each

    async def refuse(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        async for _ in requests:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no")
        raise AssertionError

    def handler(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "a.B",
            {
                "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
                "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
                "Hang": grpc.unary_unary_rpc_method_handler(self.hang),
                "Flaky": grpc.unary_unary_rpc_method_handler(self.flaky),
                "Greet": grpc.stream_stream_rpc_method_handler(self.greet),
                "Refuse": grpc.stream_unary_rpc_method_handler(self.refuse),
                "Count": grpc.unary_stream_rpc_method_handler(self.count),
                "Total": grpc.stream_unary_rpc_method_handler(self.total),
                "Echo": grpc.stream_stream_rpc_method_handler(self.echo),
                "Early": grpc.stream_stream_rpc_method_handler(self.early),
            },
        )


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def channel(upstream: Upstream, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a front whose only upstream is `upstream`."""
    behind, front, directory = rpc.server(), rpc.server(), Directory({})
    behind.add_generic_rpc_handlers((upstream.handler(),))
    front.add_generic_rpc_handlers((Router(directory),))
    for folder in ("b", "f"):
        (tmp_path / folder).mkdir()
    async with running(behind, tmp_path / "b"), running(front, tmp_path / "f") as made:
        directory.update(
            [
                cluster_pb2.Worker(
                    service="one",
                    state=cluster_pb2.WORKER_STATE_READY,
                    address=f"unix:{tmp_path}/b/s",
                    grpc_services=["a.B"],
                    routed=True,
                )
            ]
        )
        yield made
        endpoint = directory.find("a.B").pick()
        await eventually(lambda: endpoint.in_flight == 0)
        directory.update([])


async def test_unary_with_metadata_both_ways(upstream: Upstream, channel: Any) -> None:
    sent = (("a", "1"), ("a", "2"), ("x-bin", BINARY))
    call = channel.unary_unary("/a.B/Unary")(b"abc", metadata=sent, timeout=30)
    assert await call == b"cba"
    received = [pair for pair in upstream.metadata if pair[0] in ("a", "x-bin")]
    assert received == list(sent)
    assert upstream.remaining is not None
    # gRPC writes a timeout with three digits and rounds up, once per hop.
    assert 29 < upstream.remaining <= 31
    assert dict(await call.initial_metadata()) == {"initial": "yes", "i-bin": BINARY}
    assert list(await call.trailing_metadata()) == [("t", "1"), ("t", "2"), ("t-bin", BINARY)]


async def test_without_a_deadline_there_is_none_upstream(upstream: Upstream, channel: Any) -> None:
    await channel.unary_unary("/a.B/Unary")(b"")
    assert upstream.remaining is None


async def test_the_other_kinds(channel: Any) -> None:
    counted = [each async for each in channel.unary_stream("/a.B/Count")(b"300")]
    assert counted == [str(number).encode() for number in range(300)]
    assert await channel.stream_unary("/a.B/Total")(iter([b"1", b"20", b"300"])) == b"321"
    echo = channel.stream_stream("/a.B/Echo")()
    for message in (b"one", b"", b"two"):
        # Ping-pong: each answer before the next question, so nothing waits for the half-close.
        await echo.write(message)
        assert await echo.read() == message
    await echo.done_writing()
    assert await echo.read() is grpc.aio.EOF
    assert await echo.code() is grpc.StatusCode.OK


async def test_an_answer_before_the_half_close_ends_the_call(channel: Any) -> None:
    call = channel.stream_stream("/a.B/Early")()
    await call.write(b"x")
    assert await call.read() == b"enough"
    assert await call.read() is grpc.aio.EOF


async def test_an_error_keeps_code_details_and_trailers(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/a.B/Fail")(b"")
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert caught.value.details() == "größer als é"
    assert dict(caught.value.trailing_metadata())["grpc-status-details-bin"] == b"rich"


async def test_a_method_that_the_upstream_lacks(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/a.B/Nope")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_cancelled_call_is_cancelled_upstream(upstream: Upstream, channel: Any) -> None:
    call = channel.unary_unary("/a.B/Hang")(b"")
    await eventually(lambda: upstream.running == 1)
    call.cancel()
    await eventually(lambda: upstream.cancelled == 1)


async def test_a_deadline_ends_the_call_on_both_sides(upstream: Upstream, channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/a.B/Hang")(b"", timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: upstream.cancelled == 1)


async def test_a_lost_client_ends_the_call_upstream(
    upstream: Upstream, channel: Any, tmp_path: Path
) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/f/s", options=options) as other:
        call = other.unary_unary("/a.B/Hang")(b"")
        await eventually(lambda: upstream.running == 1)
    # Leaving the channel has closed its connection under the call.
    assert call.done()
    await eventually(lambda: upstream.cancelled == 1)


async def test_a_failed_call_may_be_retried_by_the_caller(
    upstream: Upstream, channel: Any, tmp_path: Path
) -> None:
    # gRPC retries a call only while it has received no initial metadata (gRFC A6).
    policy = {
        "maxAttempts": 3,
        "initialBackoff": "0.01s",
        "maxBackoff": "0.01s",
        "backoffMultiplier": 1,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})
    options = [("grpc.service_config", config), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/f/s", options=options) as retrying:
        assert await retrying.unary_unary("/a.B/Flaky")(b"") == b"1"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/a.B/Flaky")(b"", metadata=(("fail", "yes"),))
    assert caught.value.initial_metadata() == grpc.aio.Metadata()


async def test_empty_initial_metadata_does_not_wait_for_a_message(channel: Any) -> None:
    call = channel.stream_stream("/a.B/Greet")()
    assert not await asyncio.wait_for(call.initial_metadata(), 20)
    await call.write(b"now")
    assert await call.read() == b"now"
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_an_early_refusal_keeps_its_status_while_requests_are_on_their_way(
    channel: Any, tmp_path: Path
) -> None:
    # The synchronous client: grpc.aio's own turns the status of a call whose send fails into
    # INTERNAL, which is what the gateway must not do in its place.
    def call() -> grpc.StatusCode:
        with grpc.insecure_channel(f"unix:{tmp_path}/f/s") as to:
            refuse = to.stream_unary("/a.B/Refuse")
            with pytest.raises(grpc.RpcError) as caught:
                refuse(b"x" * 100_000 for _ in range(1000))
            return cast("grpc.Call", caught.value).code()

    codes = {await asyncio.to_thread(call) for _ in range(20)}
    assert codes == {grpc.StatusCode.FAILED_PRECONDITION}
