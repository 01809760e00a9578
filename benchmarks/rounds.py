"""Interleaving and statistics.

Whatever else the machine does changes over minutes, so peers take turns, each round begins with
another one, and they are compared within a round.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


def interleave(items: Sequence[Item], rounds: int) -> Iterator[tuple[int, Item]]:
    """Yields (round, item): all items in each round, rotated by one from round to round."""
    for number in range(rounds):
        first = number % len(items)
        for item in [*items[first:], *items[:first]]:
            yield number, item


@dataclass(frozen=True)
class Summary:
    median: float
    low: float
    high: float


def summary(values: Sequence[float]) -> Summary:
    return Summary(statistics.median(values), min(values), max(values))


def ratio(values: Sequence[float], base: Sequence[float]) -> Summary:
    """Of the ratios within each round.

    Args:
        values: One per round.
        base: Of the same rounds.
    """
    return summary([value / other for value, other in zip(values, base, strict=True)])


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value that so many percent of the sorted values do not exceed: the nearest rank."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]
