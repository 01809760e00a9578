"""One service behind the gateway: its endpoints, the policy that picks, and its queue."""

from typing import Any, final

from typing_extensions import disjoint_base

from tercet.gateway._endpoint import Endpoint
from tercet.gateway._host import Host
from tercet.gateway._plane import Plane
from tercet.gateway._policy import Candidates, Policy

log: Any

@disjoint_base
class Usable(Candidates):
    """Endpoints that may be given calls."""

    def __new__(cls, items: list[Endpoint]) -> Usable: ...

@final
class Upstream(Host):
    """Belongs to the loop of its plane.

    Args:
        name: Unique among the gateway's upstreams.
        concurrency: Calls that one endpoint works on at once, of all gateways; 0 for no limit.
        queue: Calls that may wait in this gateway.
        patience: Seconds that calls wait for word of the source, once no endpoint is usable.
    """

    def __new__(
        cls,
        name: str,
        plane: Plane,
        policy: Policy,
        *,
        concurrency: int = 0,
        queue: int = 1024,
        patience: float = 0.0,
    ) -> Upstream: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def queue(self) -> int: ...
    @property
    def patience(self) -> float: ...
    @property
    def expected(self) -> bool: ...
    @property
    def waiting(self) -> int: ...
    @property
    def endpoints(self) -> tuple[Endpoint, ...]: ...
    @property
    def available(self) -> bool: ...
    def statistics(self) -> dict[str, int]: ...
    def add(self, endpoint: Endpoint) -> None: ...
    def remove(self, endpoint: Endpoint) -> None:
        """It takes no more calls; those that it has go on."""

    def changed(self) -> None:
        """The state of an endpoint has changed: calls that wait may go on, or fail."""

    def expect(self, expected: bool) -> None:
        """Whether the source knows of an endpoint that will be added soon: calls wait for it."""

    def close(self) -> None:
        """Nobody routes to it any more. Calls that wait fail."""

    def pump(self) -> None: ...
    def woken(self) -> None:
        """Another gateway has freed a place."""

    def looked_again(self) -> None: ...
