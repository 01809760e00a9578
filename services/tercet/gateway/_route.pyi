"""What a path leads to: where its calls begin."""

from typing import final

from tercet.gateway._call import Usage
from tercet.gateway._plane import Plane
from tercet.gateway._upstream import Upstream
from tercet.rpc._carrier import Forwarder
from tercet.rpc._ledger import Tally

@final
class Route(Forwarder):
    """Lives as long as its path is known. What it leads to may be changed at any time.

    Args:
        tally: Where its calls are counted.
        upstream: Who takes its calls; None for nobody.
        refusal: (reason, hint) of calls that nobody takes.
    """

    upstream: Upstream | None
    refusal: tuple[int, str]

    def __new__(
        cls,
        plane: Plane,
        path: str,
        tally: Tally,
        upstream: Upstream | None = None,
        refusal: tuple[int, str] = ...,
    ) -> Route: ...
    @property
    def path(self) -> str: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    def codes(self) -> dict[int, int]: ...
    def latencies(self) -> list[int]: ...
