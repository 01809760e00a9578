"""The admin service, asked over its socket."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet.cluster.spec import WorkerSpec
from tercet.cluster.worker import Worker
from tercet.errors import ConfigError
from tercet.gateway.admin import Admin, serve, state_of
from tercet.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from tests.unit.gateway.fakes import FakeEndpoint, FakeUpstream, gateway


def worker(folder: Path) -> Worker:
    spec = WorkerSpec(
        service="gateway",
        slot=1,
        generation=3,
        target="x:y",
        options={},
        address=f"unix:{folder}/gateway.1.3.sock",
        bind="",
        control="",
        engine="native",
        grace=1.0,
        max_message_bytes=1,
        server_options={},
        import_from_cwd=False,
    )
    return Worker(spec, send=lambda message: None)


@pytest.fixture
def one() -> FakeEndpoint:
    return FakeEndpoint("ipv4:10.0.0.1:1", identity="one", in_flight=2, total_in_flight=3)


@pytest.fixture
def greeter(one: FakeEndpoint) -> FakeUpstream:
    return FakeUpstream("greeter", [one, FakeEndpoint("ipv4:10.0.0.2:1", identity="another")])


@pytest.fixture
async def stub(greeter: FakeUpstream, tmp_path: Path) -> AsyncIterator[Any]:
    other = FakeUpstream("compute", concurrency=4, waiting=5, counts={"queued": 6})
    made = worker(tmp_path)
    services = {"g.Greeter": greeter, "a.Greeter": greeter}
    await serve(Admin(gateway(greeter, other, slot=1, services=services)), made)
    path = tmp_path / "gateway.1.3.admin.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"unix:{path}", options=options) as channel:
        yield gateway_pb2_grpc.GatewayStub(channel)
    for closer in made.closing:
        await closer()
    assert os.listdir(tmp_path) == []


async def test_upstreams_are_listed_by_name(stub: Any) -> None:
    answer = await stub.ListUpstreams(gateway_pb2.ListUpstreamsRequest())
    assert answer.gateway == 1
    compute, greeter = answer.upstreams
    assert (compute.name, compute.policy, compute.concurrency) == ("compute", "LeastOfTwo", 4)
    assert (compute.waiting, compute.queued, compute.queue_full) == (5, 6, 0)
    assert list(greeter.routes) == ["a.Greeter", "g.Greeter"]
    assert [endpoint.identity for endpoint in greeter.endpoints] == ["another", "one"]
    one = greeter.endpoints[1]
    assert (one.address, one.in_flight, one.total_in_flight) == ("ipv4:10.0.0.1:1", 2, 3)


@pytest.mark.parametrize("name", ["one", "ipv4:10.0.0.1:1"])
@pytest.mark.parametrize("upstream", ["", "greeter"])
async def test_an_endpoint_is_drained_and_back(
    stub: Any, one: FakeEndpoint, greeter: FakeUpstream, name: str, upstream: str
) -> None:
    named = {"upstream": upstream, "endpoint": name}
    for _ in range(2):
        answer = await stub.DrainEndpoint(gateway_pb2.DrainEndpointRequest(**named))
        assert [each.state for each in answer.endpoints] == [gateway_pb2.ENDPOINT_STATE_DRAINING]
        # Whoever waits is told once.
        assert (one.drained, greeter.changes) == (True, 1)
    assert not greeter.endpoints[0].drained or greeter.endpoints[0] is one
    answer = await stub.UndrainEndpoint(gateway_pb2.UndrainEndpointRequest(**named))
    assert [each.state for each in answer.endpoints] == [gateway_pb2.ENDPOINT_STATE_READY]
    assert (one.drained, greeter.changes) == (False, 2)


@pytest.mark.parametrize(
    ("upstream", "told"),
    [
        ("", "no upstream has an endpoint 'nobody'; there are another, one"),
        ("greeter", "upstream 'greeter' has no endpoint 'nobody'; there are another, one"),
        (
            "compute",
            "upstream 'compute' has no endpoint 'nobody'; there are the upstreams compute, greeter",
        ),
    ],
)
async def test_who_is_not_there_is_answered_with_who_is(
    stub: Any, upstream: str, told: str
) -> None:
    request = gateway_pb2.DrainEndpointRequest(upstream=upstream, endpoint="nobody")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.DrainEndpoint(request)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == told


async def test_nobody_is_named(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.UndrainEndpoint(gateway_pb2.UndrainEndpointRequest())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_metrics_are_those_of_this_process(stub: Any) -> None:
    answer = await stub.GetMetrics(gateway_pb2.GetMetricsRequest())
    assert answer.gateway == 1
    assert "tercet_gateway_endpoint_up" in {family.name for family in answer.families}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "READY"),
        ({"connected": False}, "CONNECTING"),
        ({"connected": False, "failing": True, "healthy": False}, "FAILING"),
        ({"healthy": False}, "UNHEALTHY"),
        ({"drained": True, "failing": True}, "DRAINED"),
        ({"drained": True, "in_flight": 1}, "DRAINING"),
    ],
)
def test_a_state_is_the_first_that_is_true(changes: dict[str, Any], state: str) -> None:
    wanted = gateway_pb2.EndpointState.Value(f"ENDPOINT_STATE_{state}")
    assert state_of(FakeEndpoint("a", **changes)) == wanted


async def test_a_path_that_is_too_long_says_so(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    mask = os.umask(0o022)
    with pytest.raises(ConfigError, match="cannot bind the admin socket"):
        await serve(Admin(gateway()), worker(folder))
    assert os.umask(mask) == 0o022
