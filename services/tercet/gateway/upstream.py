"""One service of the mesh behind the gateway: its endpoints and who is picked."""

from __future__ import annotations

from collections.abc import Iterable

from tercet.errors import Unavailable
from tercet.gateway.endpoint import Endpoint
from tercet.gateway.policy import Policy


class Upstream:
    """Owns the endpoints of one service.

    Args:
        name: The service's name in the mesh.
    """

    def __init__(self, name: str, policy: Policy) -> None:
        self.name = name
        self._policy = policy
        self._endpoints: dict[str, Endpoint] = {}

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(self._endpoints.values())

    @property
    def available(self) -> bool:
        return bool(self._endpoints)

    def update(self, addresses: Iterable[str]) -> None:
        """Sets the addresses of the ready workers; endpoints that stay keep their connections."""
        wanted = set(addresses)
        for address in self._endpoints.keys() - wanted:
            self._endpoints.pop(address).retire()
        for address in wanted - self._endpoints.keys():
            self._endpoints[address] = Endpoint(address)

    def pick(self) -> Endpoint:
        """Picks an endpoint for one call.

        Raises:
            Unavailable: No worker is ready.
        """
        endpoints = list(self.endpoints)
        # A dead worker has nothing in flight and would look like the best of all. Its connection
        # is lost before the list of workers says that it is gone.
        usable = (
            [endpoint for endpoint in endpoints if endpoint.connected]
            or [endpoint for endpoint in endpoints if not endpoint.failing]
            or endpoints
        )
        if not usable:
            raise Unavailable(
                f"no worker of {self.name!r} is ready",
                hint="try again soon; `tercet workers` shows their states",
                reason="NO_READY_WORKER",
                metadata={"service": self.name},
            )
        return self._policy.pick(usable)
