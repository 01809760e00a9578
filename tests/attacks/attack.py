"""What an attack is, and what is to be seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.attacks.form import MIB, RATE

# Bytes to send as fast as the server takes them, or seconds to wait, unless the server closes.
Step = bytes | float
Steps = Iterator[Step]
# What a connection does, from its first byte.
Connects = Callable[[], Steps]
# Until the server closes: longer than a round and its grace.
FOREVER = 60.0


@dataclass(frozen=True)
class Attack:
    """One way to harm a server, and the limit that is to stop it.

    Attributes:
        steps: What each connection does. The client leaves when they end.
        counters: Names in `statistics()["limits"]`, one of which rises.
        sees: Words of `Wire.words`, one of which each connection sees that is not cut off by the
            end of its round. None: it does not look.
        options: Of the server.
        at_once: Connections that are open at the same time.
        rate: Connections opened in a second.
        reads: Whether it reads from its sockets at all.
        persists: Whether it goes on when the server has said goodbye, until it is thrown out.
        growth: Bytes that the server's RSS may grow by.
        refused: Share of the neighbour's calls that may be refused meanwhile.
        works: Whether it makes calls that are work like the neighbour's own, which then may be
            slower.
    """

    steps: Connects
    counters: tuple[str, ...]
    sees: tuple[str, ...]
    options: Mapping[str, int] = field(default_factory=dict)
    at_once: int = 4
    rate: float = RATE
    reads: bool = True
    persists: bool = False
    growth: int = 16 * MIB
    refused: float = 0.0
    works: bool = False


def calmed(counter: str) -> str:
    """The word of a GOAWAY with ENHANCE_YOUR_CALM, whose debug data names the counter."""
    return f"goaway 11 {counter}"
