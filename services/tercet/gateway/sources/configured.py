"""The sources of the upstreams that are configured."""

from __future__ import annotations

from random import Random

from tercet.cluster.backoff import Backoff
from tercet.gateway.config import GatewayConfig
from tercet.gateway.sources import dns, target
from tercet.gateway.sources.dns import Dns
from tercet.gateway.sources.source import Source
from tercet.gateway.sources.static import Static


def configured(config: GatewayConfig, rng: Random) -> list[Source]:
    """One for each upstream, in their order."""
    return [source(each.name, each.target, config.dns_interval, rng) for each in config.upstreams]


def source(name: str, text: str, dns_interval: float, rng: Random) -> Source:
    """The source that a target means.

    Raises:
        ConfigError: It is no target.
    """
    parsed = target.parse(text)
    if isinstance(parsed, target.Addresses):
        return Static(name, parsed.addresses)
    backoff = Backoff(rng=rng, base=dns.DEBOUNCE, ceiling=dns_interval)
    return Dns(name, parsed.host, parsed.port, backoff=backoff, interval=dns_interval)
