"""From the configuration to sources."""

from __future__ import annotations

from random import Random

from tercet.gateway.config import GatewayConfig, UpstreamConfig
from tercet.gateway.sources.configured import configured
from tercet.gateway.sources.dns import Dns
from tercet.gateway.sources.static import Static


def test_each_upstream_has_the_source_that_its_target_means() -> None:
    config = GatewayConfig(
        upstreams=[
            UpstreamConfig(name="one", target="ipv4:127.0.0.1:1"),
            UpstreamConfig(name="two", target="dns:///two:1"),
        ]
    )
    assert [type(source) for source in configured(config, Random(1))] == [Static, Dns]
