"""The calls that run on a server, and counts of those that ended: the source of its metrics."""

from typing import Any, final

from typing_extensions import disjoint_base

BUCKETS: tuple[float, ...]
MOST_PATHS: int

@final
class Tally:
    """The calls of one method."""

    @property
    def path(self) -> str: ...
    def __new__(cls, path: str) -> Tally: ...
    def codes(self) -> dict[int, int]: ...
    def latencies(self) -> list[int]: ...

@disjoint_base
class Entry:
    """A call on the ledger: its place in a list, for which no memory is taken."""

@final
class Ledger:
    """Made by a server for all its connections.

    Args:
        most: Calls at once; -1 for no limit.
    """

    @property
    def count(self) -> int: ...

    queued: int
    fresh: int
    connections: int
    streams: int
    received: int
    sent: int

    @property
    def running(self) -> list[Any]: ...
    def __new__(cls, most: int = -1) -> Ledger: ...
    async def idle(self) -> None: ...
    def tally(self, path: str) -> Tally: ...
    def snapshot(self) -> dict[str, Any]: ...
