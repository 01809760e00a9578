"""Makes the parts of the native data plane as a configuration says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from tercet.cluster.spec import WorkerSpec
from tercet.gateway._endpoint import Endpoint
from tercet.gateway._p2c import LeastOfTwo
from tercet.gateway._plane import Plane
from tercet.gateway._policy import Policy
from tercet.gateway._region import Region
from tercet.gateway._round_robin import RoundRobin
from tercet.gateway._route import Route
from tercet.gateway._upstream import Upstream
from tercet.gateway.config import GatewayConfig
from tercet.gateway.failures import Failures
from tercet.gateway.observed import CallRecord
from tercet.gateway.sources.source import Address
from tercet.gateway.subchannel import Subchannel
from tercet.rpc._ledger import Tally
from tercet.rpc._limits import Limits

# Of one header block of an answer: as nghttpx, beyond what clients take (the C-core's hard limit is
# 16 KiB), since a status may have long details.
ANSWER_FIELDS = 500
ANSWER_METADATA = 64 << 10
# Seconds from the loss of a worker until the supervisor has said what comes next.
PATIENCE = 1.0
# A worker takes as many calls as it says.
UNLIMITED = -1


class Dataplane:
    """Of one gateway process, on its loop.

    Args:
        region: Where it counts.
        rng: Of draws; each gateway process has its own.
    """

    def __init__(self, config: GatewayConfig, region: Region, rng: Random) -> None:
        self._config = config
        self._rng = rng
        self._upstreams: dict[str, Upstream] = {}
        limits = Limits(metadata_size=ANSWER_METADATA, metadata_fields=ANSWER_FIELDS)
        self.plane = Plane(region, Failures(), limits=limits, seed=rng.getrandbits(64))
        if config.access_log:
            self.plane.log_calls(config.access_log_sample)
        if region.gateways > 1:
            self.plane.loop.add_reader(region.eventfd, self._woken, region)

    def make_upstream(self, name: str, told: bool) -> Upstream:
        """
        Args:
            told: Whether its source tells when another endpoint is expected.
        """
        made = Upstream(
            name,
            self.plane,
            self._policy(),
            concurrency=self._config.concurrency.get(name, 0),
            queue=self._config.queue,
            patience=PATIENCE if told else 0.0,
        )
        self._upstreams[name] = made
        return made

    def make_endpoint(self, address: Address) -> Endpoint:
        return Endpoint(address.target, address.target, weight=address.weight)

    def make_subchannel(self, endpoint: Endpoint, leave: Callable[[], None]) -> Subchannel:
        return Subchannel(self.plane, endpoint, lambda _: leave())

    def make_route(self, path: str) -> Route:
        return Route(self.plane, path, Tally(path))

    def take_log(self) -> Iterable[CallRecord]:
        """The calls that are to be logged, since the last time."""
        return map(CallRecord._make, self.plane.take_log())

    def close(self) -> None:
        if self.plane.region.gateways > 1:
            self.plane.loop.remove_reader(self.plane.region.eventfd)
        self.plane.close()

    def _policy(self) -> Policy:
        if self._config.policy == "round-robin":
            return RoundRobin()
        return LeastOfTwo(self._rng.getrandbits(64))

    def _woken(self, region: Region) -> None:
        region.drain()
        for upstream in self._upstreams.values():
            upstream.woken()


def region_of(spec: WorkerSpec) -> Region:
    """What this gateway counts in: with the others of its mesh, or alone."""
    if spec.region is None:
        return Region(-1, 0, [])
    return Region(spec.region.fd, spec.region.row, spec.region.eventfds)
