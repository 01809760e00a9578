"""What is attacked: a server, or a gateway before one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import grpc
import psutil

from tercet.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from tests.attacks import cores
from tests.attacks.child import Child
from tests.conformance.gateway.front import Front
from tests.soak.client import Call, connected

PREFIX = "tercet_gateway_"


class Target(Protocol):
    """A process under attack."""

    @property
    def port(self) -> int: ...

    @property
    def process(self) -> psutil.Process: ...

    def facts(self) -> dict[str, Any]:
        """What it has to do: "connections", "calls_running"; and "limits", what they stopped.

        And "descriptors".
        """
        ...


class Server:
    """The tests' server, in a process of its own.

    Args:
        stack: Ends it.
        options: Of the server.

    Attributes:
        address: Where it listens for gateways: as its workers do in a mesh, on a socket.
    """

    def __init__(self, stack: ExitStack, options: Mapping[str, int]) -> None:
        socket = stack.enter_context(TemporaryDirectory()) + "/s"
        words = json.dumps(dict(options)), socket
        child = stack.enter_context(Child("tests.attacks.serve", *words))
        self.address = f"unix:{socket}"
        self.port = int(child.hear())
        self.process = psutil.Process(child.process.pid)

    def facts(self) -> dict[str, Any]:
        """With this question's own connection and call."""
        with connected(self.port) as client:
            (stream,) = client.begin(Call("Facts"))
            client.until_ended([stream])
            told: dict[str, Any] = json.loads(client.last[5:])
            # Before the connection ends: when the server sees that, nobody knows.
            return {**told, "descriptors": self.process.num_fds()}


class Gateway:
    """A gateway before such servers.

    Args:
        stack: Ends it.
        upstreams: As of Front.
        options: Of the gateway's own server.
    """

    def __init__(
        self, stack: ExitStack, upstreams: Mapping[str, list[str]], options: Mapping[str, int]
    ) -> None:
        self._front = stack.enter_context(Front(upstreams, server_options=options))
        self.port = self._front.port
        self.process = psutil.Process(self._front.pid)
        cores.put(self._front.pid, 0)
        channel = stack.enter_context(grpc.insecure_channel(self._front.admin))
        self._admin = gateway_pb2_grpc.GatewayStub(channel)

    def connected(self) -> bool:
        """Whether it is connected to all upstreams."""
        upstreams = self._admin.ListUpstreams(gateway_pb2.ListUpstreamsRequest()).upstreams
        states = {each.state for upstream in upstreams for each in upstream.endpoints}
        return states == {gateway_pb2.ENDPOINT_STATE_READY}

    def facts(self) -> dict[str, Any]:
        self._front.goes_on()
        answer = self._admin.GetMetrics(gateway_pb2.GetMetricsRequest())
        families = {each.name.removeprefix(PREFIX): each.samples for each in answer.families}
        return {
            "connections": families["connections"][0].value,
            "calls_running": sum(each.value for each in families["calls_in_flight"]),
            "limits": {each.labels[0]: each.value for each in families["limits_applied"]},
            "descriptors": self.process.num_fds(),
        }
