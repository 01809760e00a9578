"""One worker of a mesh, or one address of a remote service: its connection, its state, its load."""

from typing_extensions import disjoint_base

from tercet.gateway._lane import Lane

@disjoint_base
class Endpoint:
    """Belongs to one upstream. Who writes its state calls `Upstream.changed` afterwards.

    Args:
        identity: Who it is, and nobody else ever: a worker's socket has its generation in it.
        address: Where it listens, "unix:PATH", "ipv4:H:P" or "ipv6:[H]:P".
        weight: Its share of the calls among its like; positive.

    Attributes:
        healthy: The active checks say so, or there are none.
        hangs: It is not healthy because it does not answer, which may pass: calls may wait for it.
        drained: It is to have no more calls.
        failing: The last attempt to connect has failed.
        error: Why, for people.
    """

    weight: float
    healthy: bool
    hangs: bool
    drained: bool
    failing: bool
    error: str
    ejections: int
    connects: int
    connect_failures: int

    def __new__(cls, identity: str, address: str, *, weight: float = 1.0) -> Endpoint: ...
    @property
    def identity(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def retired(self) -> bool: ...
    @property
    def lane(self) -> Lane | None: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def connected(self) -> bool: ...
    @property
    def usable(self) -> bool: ...
    @property
    def total_in_flight(self) -> int: ...
    def statistics(self) -> dict[str, int]: ...
    def attach(self, lane: Lane | None) -> None:
        """Sets the connection that takes its calls; None for no one."""
