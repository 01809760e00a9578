"""Quantiles of a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def quantile(part: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """The value that `part` of all did not exceed; None if there are none.

    Between two bounds it is where it would be if those between them were spread evenly, as with
    Prometheus' histogram_quantile; beyond the last bound, it is that.

    Args:
        part: Such as 0.99.
        bounds: Upper bounds, ascending.
        counts: By bucket; one more than bounds, for those above all.
    """
    total = sum(counts)
    if not total:
        return None
    rank = part * total
    below = 0
    for place, upto in enumerate(accumulate(counts)):
        if upto >= rank and upto > below:
            if place == len(bounds):
                return bounds[-1]
            lower = bounds[place - 1] if place else 0.0
            return lower + (bounds[place] - lower) * (rank - below) / (upto - below)
        below = upto
    return bounds[-1]
