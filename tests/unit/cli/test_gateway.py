"""`tercet gateway`, up to the mesh that it would become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tercet.cli.gateway import named
from tercet.cli.mesh import SPREAD
from tercet.cluster.spec import MeshSpec, ServiceSpec
from tercet.gateway.config import GatewayConfig, HealthChecks, UpstreamConfig, UpstreamTls
from tests.unit.cli.conftest import Ran, Tercet


class Gateway:
    """Runs command lines, and keeps what they would have started."""

    def __init__(self, tercet: Tercet, monkeypatch: pytest.MonkeyPatch) -> None:
        self._tercet = tercet
        self._specs: list[MeshSpec] = []
        monkeypatch.setattr("tercet.cli.launching.launch", self._specs.append)

    def spec(self, *arguments: str) -> MeshSpec:
        ran = self._tercet("gateway", *arguments)
        assert ran == Ran(0, "", "")
        return self._specs.pop()

    def service(self, *arguments: str) -> ServiceSpec:
        [service] = self.spec(*arguments).services
        return service

    def options(self, *arguments: str) -> GatewayConfig:
        return msgspec.convert(self.service(*arguments).options, GatewayConfig)

    def refused(self, *arguments: str) -> Ran:
        ran = self._tercet("gateway", *arguments)
        assert not self._specs
        return ran


@pytest.fixture
def gateway(tercet: Tercet, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(tercet, monkeypatch)


ONE = ("--upstream", "127.0.0.1:1")


def test_one_upstream_is_enough(gateway: Gateway) -> None:
    spec = gateway.spec(*ONE)
    [service] = spec.services
    assert (service.name, service.bind, service.workers) == ("gateway", "127.0.0.1:50050", 1)
    assert not service.routed
    options = msgspec.convert(service.options, GatewayConfig)
    assert options == GatewayConfig(
        upstreams=[UpstreamConfig(name="upstream", target="127.0.0.1:1")]
    )


def test_all_options_arrive(gateway: Gateway, tmp_path: Path) -> None:
    spec = gateway.spec(
        *("--upstream", "shop=dns:///shop:1", "--upstream", "unix:/run/stock.sock"),
        *("--bind", "[::]:1", "--workers", "3", "--route", "a.B=shop", "--route", "*=upstream-2"),
        *("--policy", "round-robin", "--concurrency", "4", "--queue", "5"),
        *("--health-interval", "6", "--health-timeout", "1", "--dns-interval", "8"),
        *("--tls-ca", "ca.pem", "--tls-server-name", "shop"),
        *("--metrics", "127.0.0.1:9", "--access-log", "-", "--access-log-sample", "0.5"),
        *("--health", "127.0.0.1:10", "--grace", "11", "--server-option", "tercet.max_resets=12"),
    )
    assert (spec.health, spec.grace) == ("127.0.0.1:10", 11)
    [service] = spec.services
    assert (service.bind, service.workers) == ("[::]:1", 3)
    # Of several processes connections do not live for ever, unless they are to.
    assert service.server_options == {"tercet.max_resets": 12, **SPREAD}
    assert msgspec.convert(service.options, GatewayConfig) == GatewayConfig(
        upstreams=[
            UpstreamConfig(name="shop", target="dns:///shop:1"),
            UpstreamConfig(name="upstream-2", target="unix:/run/stock.sock"),
        ],
        routes={"a.B": "shop", "*": "upstream-2"},
        concurrency={"shop": 4, "upstream-2": 4},
        queue=5,
        policy="round-robin",
        health_checks=HealthChecks(interval=6, timeout=1),
        upstream_tls=UpstreamTls(ca=f"{tmp_path}/ca.pem", server_name="shop"),
        dns_interval=8,
        metrics="127.0.0.1:9",
        access_log="-",
        access_log_sample=0.5,
    )


def test_tls_may_need_no_files(gateway: Gateway) -> None:
    assert gateway.options(*ONE, "--tls").upstream_tls == UpstreamTls()


def test_names() -> None:
    assert named(["a:1"]) == [("upstream", "a:1")]
    assert named(["shop=a:1"]) == [("shop", "a:1")]
    assert named(["a:1", "b=b:1", "unix:/run/c=d"]) == [
        ("upstream-1", "a:1"),
        ("b", "b:1"),
        ("upstream-3", "unix:/run/c=d"),
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--upstream", "nonsense"), "tercet: --upstream: 'nonsense' is no target"),
        (("--upstream", "a=a:1", "--upstream", "a=b:1"), "two upstreams named 'a'"),
        ((*ONE, "--route", "a.B=shop"), "there is no such upstream"),
        ((*ONE, "--route", "a.B/C=upstream"), "is no route"),
        ((*ONE, "--policy", "random"), "the policies are"),
        ((*ONE, "--tls-cert", "cert.pem"), "cert and key"),
        ((*ONE, "--bind", "nowhere"), "is no address"),
        ((*ONE, "--metrics", "nowhere"), "is no address"),
    ],
)
def test_what_is_wrong_is_told(
    gateway: Gateway, arguments: tuple[str, ...], complaint: str
) -> None:
    ran = gateway.refused(*arguments)
    assert ran.code == 78
    assert complaint in ran.err


@pytest.mark.parametrize(
    "arguments",
    [(), (*ONE, "--route", "a.B"), (*ONE, "--queue", "-1"), (*ONE, "--server-option", "a=b")],
)
def test_a_wrong_command_line_is_told(gateway: Gateway, arguments: tuple[str, ...]) -> None:
    assert gateway.refused(*arguments).code == 2


def test_calls_wait_only_where_there_is_a_gateway(
    tercet: Tercet, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs: list[Any] = []
    monkeypatch.setattr("tercet.cli.launching.launch", specs.append)
    serve = ("serve", "examples.greeter:register", "--concurrency", "1")
    refused = tercet(*serve)
    assert refused.code == 2
    assert "add --gateway" in refused.err
    assert tercet(*serve, "--gateway", "127.0.0.1:0").code == 0
    made, _ = specs[0].services
    assert msgspec.convert(made.options, GatewayConfig).concurrency == {"greeter": 1}


def test_the_age_of_connections_may_be_chosen(gateway: Gateway) -> None:
    option = "grpc.max_connection_age_ms=1000"
    [service] = gateway.spec(*ONE, "--workers", "2", "--server-option", option).services
    assert service.server_options == {"grpc.max_connection_age_ms": 1000}
    [alone] = gateway.spec(*ONE).services
    assert alone.server_options == {}
