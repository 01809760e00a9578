"""Whether a neighbour was harmed: its calls during an attack beside those when all is quiet."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

# How much slower it may be, both ways.
RATIO = 2.0
# Seconds that the 99th percentile may grow by in any case: it is some tenths of a millisecond when
# all is quiet, and one read of an attacker's bytes, or the kernel's choice of another process, is
# more than that.
FLOOR = 0.005


class Interval(NamedTuple):
    """What the neighbour saw in one interval: calls a second, seconds, and calls.

    Those of the neighbour process, by their names there.
    """

    rate: float
    p50: float
    p99: float
    failed: int
    calls: int


def is_noisy(quiet: Sequence[Interval]) -> bool:
    """Whether the machine itself varies by more than what an attack may do."""
    rates = [each.rate for each in quiet]
    tails = [each.p99 for each in quiet]
    return max(rates) > RATIO * min(rates) or max(tails) > RATIO * min(tails) + FLOOR


def harm(quiet: Sequence[Interval], attacked: Sequence[Interval]) -> list[str]:
    """What an attack did to the neighbour that it must not, by the medians."""
    rates = [statistics.median(each.rate for each in part) for part in (quiet, attacked)]
    tails = [statistics.median(each.p99 for each in part) for part in (quiet, attacked)]
    found = []
    if rates[0] > RATIO * rates[1]:
        found.append(f"the neighbour makes {rates[1]:.0f} calls/s beside {rates[0]:.0f}")
    if tails[1] > max(RATIO * tails[0], tails[0] + FLOOR):
        found.append(f"its p99 is {tails[1] * 1e3:.2f} ms beside {tails[0] * 1e3:.2f} ms")
    return found
