"""`tercet upstreams`, `tercet drain` and `tercet undrain`, told to every gateway process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tercet.cli import drain, gateways, undrain, upstreams
from tercet.cluster.v1 import cluster_pb2
from tercet.errors import NotFound
from tercet.gateway.admin_socket import admin_socket
from tercet.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from tercet.rpc.status import status_of
from tests.unit.cli.conftest import Tercet, on_terminal
from tests.unit.cli.meshes import Meshes, meshes

READY = gateway_pb2.ENDPOINT_STATE_READY
FAILING = gateway_pb2.ENDPOINT_STATE_FAILING
DRAINED = gateway_pb2.ENDPOINT_STATE_DRAINED
IDENTITY = "unix:/run/user/1000/tercet/4711/greeter.0.1.sock"


class FakeGateway(gateway_pb2_grpc.GatewayServicer):
    """One gateway process, with one endpoint, `one`, and one upstream that has none."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.requests: list[Any] = []
        self.endpoint = gateway_pb2.Endpoint(
            identity=IDENTITY,
            address=IDENTITY,
            weight=1,
            state=READY,
            in_flight=1 + slot,
            calls=10 + slot,
            error="Connection refused" if slot else "",
        )

    def ListUpstreams(self, request: Any, context: Any) -> Any:
        one = gateway_pb2.Upstream(name="one", endpoints=[self.endpoint], waiting=2, routes=["a.B"])
        return gateway_pb2.ListUpstreamsResponse(
            gateway=self.slot, upstreams=[one, gateway_pb2.Upstream(name="two")]
        )

    def DrainEndpoint(self, request: Any, context: Any) -> Any:
        return gateway_pb2.DrainEndpointResponse(endpoints=self._set(request, context, DRAINED))

    def UndrainEndpoint(self, request: Any, context: Any) -> Any:
        return gateway_pb2.UndrainEndpointResponse(endpoints=self._set(request, context, READY))

    def _set(self, request: Any, context: grpc.ServicerContext, state: Any) -> list[Any]:
        self.requests.append(request)
        if request.endpoint != IDENTITY:
            error = NotFound(
                f"no upstream has an endpoint {request.endpoint!r}", hint=f"there are {IDENTITY}"
            )
            context.abort_with_status(status_of(error))
        self.endpoint.state = state
        return [self.endpoint]


class Scene:
    """A mesh with gateway processes."""

    def __init__(self, started: Meshes) -> None:
        self._started = started
        self.gateways: list[FakeGateway] = []

    def start(self, answering: int, silent: int = 0, *, pid: int = 11) -> None:
        path = self._started.path(pid)
        workers = [
            cluster_pb2.Worker(
                service="gateway",
                slot=slot,
                state=cluster_pb2.WORKER_STATE_READY,
                address=f"unix:{path}/gateway.{slot}.1.sock",
            )
            for slot in range(answering + silent)
        ]
        others = [
            cluster_pb2.Worker(service="control", state=cluster_pb2.WORKER_STATE_READY),
            cluster_pb2.Worker(service="one", state=cluster_pb2.WORKER_STATE_READY, routed=True),
            cluster_pb2.Worker(service="gateway", slot=9, state=cluster_pb2.WORKER_STATE_GONE),
        ]
        self._started.start(pid, *workers, *others)
        for slot in range(answering):
            self.gateways.append(FakeGateway(slot))
            server = self._started.server(admin_socket(workers[slot].address))
            gateway_pb2_grpc.add_GatewayServicer_to_server(self.gateways[slot], server)
            server.start()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for module in (gateways, upstreams, drain, undrain):
        monkeypatch.setattr(module, "DEADLINE", 2.0)
    with meshes() as (base, started):
        monkeypatch.setenv("TERCET_RUNTIME_DIR", base)
        yield Scene(started)


def cells(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_numbers_are_those_of_all_gateways(tercet: Tercet, scene: Scene) -> None:
    scene.start(2)
    ran = tercet("upstreams")
    assert (ran.code, ran.err) == (0, "")
    assert cells(ran.out) == [
        ["one", IDENTITY, "ready", "3", "4", "21", "0", "0", "0", "Connection refused"],
        ["two", "-", "-", "0", "0", "0", "0", "0", "0", "-"],
    ]


def test_states_that_differ_are_all_shown(tercet: Tercet, scene: Scene) -> None:
    scene.start(2)
    scene.gateways[1].endpoint.state = FAILING
    assert cells(tercet("upstreams").out)[0][2] == "failing/ready"


def test_json_has_each_gateway(tercet: Tercet, scene: Scene) -> None:
    scene.start(2)
    first, second = json.loads(tercet("upstreams", "--json").out)
    assert (first["gateway"], second["gateway"]) == ("gateway/0", "gateway/1")
    one, two = first["upstreams"]
    assert (one["name"], one["routes"], one["waiting"], one["queue_full"]) == ("one", ["a.B"], 2, 0)
    [endpoint] = one["endpoints"]
    assert (endpoint["state"], endpoint["in_flight"], endpoint["weight"]) == ("ready", 1, 1.0)
    assert set(endpoint) == {field.name for field in gateway_pb2.Endpoint.DESCRIPTOR.fields}
    assert set(two) == {field.name for field in gateway_pb2.Upstream.DESCRIPTOR.fields}


def test_an_endpoint_is_whole_on_a_narrow_terminal(scene: Scene) -> None:
    scene.start(1)
    code, shown = on_terminal("upstreams", columns=80)
    assert code == 0
    assert IDENTITY in shown


def test_one_that_does_not_answer_hides_no_other(tercet: Tercet, scene: Scene) -> None:
    scene.start(1, silent=1)
    ran = tercet("upstreams")
    assert ran.code == 69
    assert cells(ran.out)[0][:2] == ["one", IDENTITY]
    assert ran.err.startswith("tercet: gateway/1 does not answer: ")


@pytest.mark.parametrize("name", [IDENTITY, IDENTITY.removeprefix("unix:")])
def test_every_gateway_is_told_of_a_drain(tercet: Tercet, scene: Scene, name: str) -> None:
    scene.start(2)
    ran = tercet("drain", name, "--upstream", "one")
    assert (ran.code, ran.err) == (0, "")
    assert cells(ran.out) == [
        ["gateway/0", IDENTITY, "drained", "1"],
        ["gateway/1", IDENTITY, "drained", "2"],
    ]
    ran = tercet("undrain", name)
    assert [row[2] for row in cells(ran.out)] == ["ready", "ready"]
    for gateway in scene.gateways:
        assert [(each.upstream, each.endpoint) for each in gateway.requests] == [
            ("one", IDENTITY),
            ("", IDENTITY),
        ]


@pytest.mark.parametrize("verb", ["drain", "undrain"])
def test_an_endpoint_that_is_not_there(tercet: Tercet, scene: Scene, verb: str) -> None:
    scene.start(1)
    ran = tercet(verb, "nobody")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"tercet: gateway/0: no upstream has an endpoint 'nobody'\nhint: there are {IDENTITY}\n"
    )


def test_the_others_are_told_when_one_does_not_answer(tercet: Tercet, scene: Scene) -> None:
    scene.start(1, silent=1)
    ran = tercet("drain", IDENTITY)
    assert ran.code == 69
    assert cells(ran.out) == [["gateway/0", IDENTITY, "drained", "1"]]
    assert ran.err.startswith("tercet: gateway/1 does not answer: ")


@pytest.mark.parametrize("arguments", [["upstreams"], ["drain", "x"], ["undrain", "x"]])
def test_a_mesh_without_a_gateway(tercet: Tercet, scene: Scene, arguments: list[str]) -> None:
    scene.start(0)
    ran = tercet(*arguments)
    assert (ran.code, ran.out) == (69, "")
    assert ran.err.startswith("tercet: no gateway runs in the mesh 11\n")


def test_one_of_several_meshes_is_chosen(tercet: Tercet, scene: Scene) -> None:
    scene.start(1)
    scene.start(0, pid=12)
    ran = tercet("upstreams")
    assert ran.code == 2
    assert "several meshes run" in ran.err
    assert tercet("upstreams", "--mesh", "11").code == 0


@pytest.mark.parametrize("verb", ["upstreams", "drain", "undrain"])
def test_help_has_an_example(tercet: Tercet, verb: str) -> None:
    ran = tercet(verb, "--help")
    assert ran.code == 0
    assert f"tercet {verb}" in ran.out.partition("Examples:")[2]


def test_the_help_says_what_a_drain_does_not_outlive(tercet: Tercet) -> None:
    assert "forgets it when it is restarted" in " ".join(tercet("drain", "--help").out.split())
