"""Options of a gateway, and what is said of wrong ones."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tercet.errors import ConfigError
from tercet.gateway.config import GatewayConfig


def test_the_defaults_need_nothing() -> None:
    config = msgspec.convert({}, GatewayConfig)
    assert config.queue == 1024
    assert config.policy == "least-of-two"
    assert config.upstream_tls is None
    assert config.health_checks.interval == 5


@pytest.mark.parametrize("route", ["a.B", "B", "/a.B/C", "*"])
def test_routes(route: str) -> None:
    assert msgspec.convert({"routes": {route: "one"}}, GatewayConfig).routes == {route: "one"}


@pytest.mark.parametrize("route", ["", "/", "/a.B", "a.B/", "a.B/C", "//C", "/a.B/"])
def test_what_is_no_route_is_refused(route: str) -> None:
    with pytest.raises(ConfigError, match="is no route"):
        msgspec.convert({"routes": {route: "one"}}, GatewayConfig)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"queue": -1}, "queue is -1"),
        ({"policy": "random"}, "the policies are least-of-two, round-robin"),
        ({"concurrency": {"one": -1}}, "concurrency of one is -1"),
        ({"dns_interval": 0}, "dns_interval is 0"),
        ({"dns_interval": float("nan")}, "dns_interval is nan"),
        ({"access_log_sample": 1.5}, "must be 0 to 1"),
        ({"health_checks": {"interval": -1}}, "interval is -1"),
        ({"health_checks": {"timeout": 0}}, "timeout is 0"),
        ({"upstream_tls": {"cert": "a.pem"}}, "cert and key"),
        ({"upstreams": [{"name": "One", "target": "one:1"}]}, "no name for an upstream"),
        ({"upstreams": [{"name": "one", "target": "one:1"}] * 2}, "two upstreams named 'one'"),
        ({"sources": []}, "unknown field"),
    ],
)
def test_what_is_wrong_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert(options, GatewayConfig)


def test_a_wrong_target_has_its_hint() -> None:
    with pytest.raises(ConfigError, match="static:///"):
        msgspec.convert({"upstreams": [{"name": "one", "target": "one"}]}, GatewayConfig)
