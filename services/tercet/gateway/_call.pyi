"""One call on its way through: from a client's stream to one of an endpoint's, and back."""

from typing import Final, final

from tercet.gateway._wheel import Timed
from tercet.rpc._ledger import Tally

H2_NAMES: Final[tuple[str, ...]]

@final
class Usage:
    """Of one path: how many of its calls run, and what became of those that ended."""

    @property
    def in_flight(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    def __new__(cls, tally: Tally) -> Usage: ...

@final
class Call(Timed):
    """Made by a `Route`, for one stream of a front connection."""
