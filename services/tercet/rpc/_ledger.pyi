"""The calls that run on a server, and counts of those that ended: the source of its metrics."""

import asyncio
from typing import Any, final

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

@final
class Ledger:
    """Made by a server for all its connections.

    Args:
        most: Calls at once; -1 for no limit.
    """

    connections: int
    streams: int
    received: int
    sent: int

    @property
    def running(self) -> set[Any]: ...
    @property
    def idle(self) -> asyncio.Event: ...
    def __new__(cls, most: int = -1) -> Ledger: ...
    def tally(self, path: str) -> Tally: ...
    def snapshot(self) -> dict[str, Any]: ...
