"""Quantiles of histograms."""

from __future__ import annotations

import pytest

from tercet.cluster.control.quantiles import quantile

BOUNDS = [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("part", "counts", "expected"),
    [
        (0.5, [10, 0, 0, 0], 0.5),
        (0.5, [0, 10, 0, 0], 1.5),
        (0.5, [5, 5, 0, 0], 1.0),
        (0.99, [0, 0, 100, 0], 3.98),
        (0.99, [98, 0, 0, 2], 4.0),
        (0.5, [0, 0, 0, 1], 4.0),
        (1.0, [0, 1, 0, 0], 2.0),
        (0.5, [], None),
        (0.5, [0, 0, 0, 0], None),
    ],
)
def test_it_is_where_so_many_are_below(
    part: float, counts: list[int], expected: float | None
) -> None:
    assert quantile(part, BOUNDS, counts) == pytest.approx(expected)
