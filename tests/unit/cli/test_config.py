"""Configuration from a file, the environment and flags."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tercet.cli.config.loading import Loaded, load
from tercet.cli.config.variables import variables
from tercet.cli.mesh import mesh, processes
from tercet.cli.serve import name_of
from tercet.cluster.sizing import usable_cpus
from tercet.cluster.spec import ServiceSpec
from tercet.errors import ConfigError
from tercet.gateway.config import GatewayConfig, HealthChecks, UpstreamConfig, UpstreamTls


def services(**settings: str) -> dict[str, ServiceSpec]:
    dotted = {key.replace("__", "."): value for key, value in settings.items()}
    made = mesh(load(None, environ={"TERCET_CONFIG": "/dev/null"}, settings=dotted))
    return {service.name: service for service in made.services}


def test_the_default_mesh() -> None:
    made = services()
    assert list(made) == ["gateway", "compute", "executor"]
    assert made["gateway"].bind == "127.0.0.1:50050"
    assert not made["gateway"].routed
    assert [name for name, service in made.items() if service.gateway] == ["gateway"]
    assert msgspec.convert(made["gateway"].options, GatewayConfig) == GatewayConfig()
    assert all(service.workers == 1 for service in made.values())


def test_a_service_is_given_its_own_options_and_not_those_of_hosting() -> None:
    options = services(compute__threads="3")["compute"].options
    assert options["threads"] == 3
    assert not {"enabled", "workers", "bind", "max_message_bytes"} & set(options)


def test_several_compute_workers_divide_the_threads() -> None:
    assert services()["compute"].options["threads"] == usable_cpus()
    made = services(compute__workers=str(2 * usable_cpus()))
    assert made["compute"].options["threads"] == 1
    told = services(compute__workers="4", compute__threads="3")
    assert told["compute"].options["threads"] == 3


def test_text_becomes_what_the_option_is() -> None:
    made = services(compute__enabled="false", executor__grace_seconds="1.5", gateway__workers="2")
    assert "compute" not in made
    assert made["executor"].options["grace_seconds"] == 1.5
    assert made["gateway"].workers == 2


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0", "192.0.2.1:50050"])
def test_beyond_loopback_the_executor_is_withheld_unless_exposed(bind: str) -> None:
    assert "executor" in services(gateway__bind=bind)["gateway"].options["withheld"]
    exposed = services(gateway__bind=bind, executor__expose="true")
    assert exposed["gateway"].options["withheld"] == {}


def in_file(folder: Path, text: str) -> GatewayConfig:
    """The options of the gateway of a configuration file."""
    (folder / "tercet.toml").write_text(text)
    made = Loaded(folder / "tercet.toml", environ={}, settings={}).mesh()
    return msgspec.convert(made.services[0].options, GatewayConfig)


def test_the_gateway_is_given_its_options(tmp_path: Path) -> None:
    options = in_file(
        tmp_path,
        """
        [gateway]
        queue = 7
        policy = "round-robin"
        health_interval = 1.5
        health_timeout = 0.5
        metrics = "127.0.0.1:9090"
        access_log = "-"
        access_log_sample = 0.1
        dns_interval = 5
        [gateway.routes]
        "shop.v1.Shop" = "shop"
        "*" = "greeter"
        [gateway.upstream_tls]
        ca = "ca.pem"
        [[gateway.upstreams]]
        name = "shop"
        target = "dns:///shop:50051"
        concurrency = 3
        [services.greeter]
        target = "examples.greeter:register"
        concurrency = 2
        [compute]
        concurrency = 1
        """,
    )
    assert options == GatewayConfig(
        upstreams=[UpstreamConfig(name="shop", target="dns:///shop:50051")],
        routes={"shop.v1.Shop": "shop", "*": "greeter"},
        concurrency={"shop": 3, "greeter": 2, "compute": 1},
        queue=7,
        policy="round-robin",
        health_checks=HealthChecks(interval=1.5, timeout=0.5),
        upstream_tls=UpstreamTls(ca="ca.pem"),
        metrics="127.0.0.1:9090",
        access_log="-",
        access_log_sample=0.1,
        dns_interval=5,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[gateway]\nqueue = -1\n", "tercet.toml:2: queue of gateway is -1"),
        ('[gateway]\npolicy = "random"\n', "no policy 'random'"),
        (
            "[services.one]\ntarget = 'a:b'\nconcurrency = -1\n",
            "tercet.toml:3: concurrency of services.one is wrong: expected `int` >= 0",
        ),
        ('[gateway.routes]\n"a.B" = "nobody"\n', "leads to 'nobody'.*the upstreams are: compute"),
        (
            '[[gateway.upstreams]]\nname = "compute"\ntarget = "a:1"\n',
            "both an upstream and a service named 'compute'",
        ),
        ('[[gateway.upstreams]]\nname = "one"\ntarget = "one"\n', "'one' is no target"),
        ('[gateway]\nmetrics = "everywhere"\n', "no address"),
    ],
)
def test_a_wrong_gateway_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=complaint):
        in_file(tmp_path, text)


def test_zero_workers_is_one_per_usable_cpu() -> None:
    assert processes(0) == usable_cpus()
    assert processes(7) == 7


def test_every_variable_leads_to_an_option() -> None:
    known = variables()
    assert known["TERCET_ENGINE"] == ("engine",)
    assert known["TERCET_GATEWAY_BIND"] == ("gateway", "bind")
    assert known["TERCET_COMPUTE_MAX_PIXELS"] == ("compute", "max_pixels")
    for path in known.values():
        config = load(None, environ={"TERCET_CONFIG": "/dev/null"}, settings={})
        for part in path:
            config = getattr(config, str(part))


def test_a_file_in_the_current_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, environ={}, settings={}).gateway.workers == 1
    (tmp_path / "tercet.toml").write_text("[gateway]\nworkers = 5\n")
    assert load(None, environ={}, settings={}).gateway.workers == 5
    assert load(None, environ={"TERCET_GATEWAY_WORKERS": "6"}, settings={}).gateway.workers == 6


def test_a_setting_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="not a section"):
        services(engine="grpcio", engine__x="1")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("examples.greeter:register", "greeter"),
        ("my_pkg.My_Service:f", "my-service"),
        ("_:f", "service"),
    ],
)
def test_a_service_is_named_after_its_module(target: str, name: str) -> None:
    assert name_of(target) == name
