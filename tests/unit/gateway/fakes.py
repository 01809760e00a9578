"""The faces of the data plane, without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tercet.gateway.observed import Gateway
from tercet.rpc._ledger import BUCKETS


@dataclass
class FakeEndpoint:
    address: str
    identity: str = ""
    weight: float = 1.0
    healthy: bool = True
    drained: bool = False
    connected: bool = True
    failing: bool = False
    error: str = ""
    in_flight: int = 0
    total_in_flight: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.identity = self.identity or self.address

    def statistics(self) -> Mapping[str, int]:
        names = ("calls", "failures", "retries", "ejections", "connects", "connect_failures")
        return dict.fromkeys(names, 0) | self.counts


class LeastOfTwo:
    """A policy, for its name."""


@dataclass
class FakeUpstream:
    name: str
    endpoints: Sequence[FakeEndpoint] = ()
    policy: object = field(default_factory=LeastOfTwo)
    concurrency: int = 0
    waiting: int = 0
    changes: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def changed(self) -> None:
        self.changes += 1

    def statistics(self) -> Mapping[str, int]:
        return {"queued": 0, "queue_full": 0, "retries": 0} | self.counts


@dataclass
class FakeRoute:
    upstream: FakeUpstream | None
    ended: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    in_flight: int = 0
    # Calls by the number of their bucket.
    buckets: dict[int, int] = field(default_factory=dict)

    def codes(self) -> Mapping[int, int]:
        return self.ended

    def latencies(self) -> Sequence[int]:
        return [self.buckets.get(bucket, 0) for bucket in range(len(BUCKETS) + 1)]


STATISTICS: dict[str, Any] = {
    "connections": 0,
    "connections_accepted": 0,
    "bytes_received": 0,
    "bytes_sent": 0,
    "calls": {},
    "limits": {},
    "endpoint_limits": {"ping_flood": 1},
}


def gateway(
    *upstreams: FakeUpstream,
    slot: int = 0,
    services: Mapping[str, FakeUpstream] | None = None,
    routes: Mapping[str, FakeRoute] | None = None,
    dropped: int = 0,
    **server: Any,
) -> Gateway:
    """A gateway process that has these."""
    return Gateway(
        slot=slot,
        upstreams=lambda: upstreams,
        services=lambda: services or {},
        routes=lambda: routes or {},
        server=lambda: STATISTICS | server,
        dropped_records=lambda: dropped,
    )
