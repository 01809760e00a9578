from __future__ import annotations

import pytest

from benchmarks.rounds import Summary, interleave, percentile, ratio, summary


def test_each_round_has_all_and_begins_with_another() -> None:
    turns = list(interleave("abc", 4))
    assert "".join(item for _, item in turns) == "abcbcacababc"
    assert [number for number, _ in turns] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_a_summary_has_the_median_and_the_range() -> None:
    assert summary([5, 1, 9]) == Summary(median=5, low=1, high=9)


def test_ratios_are_made_within_a_round() -> None:
    # The second round found a machine half as fast; neither side is faster for it.
    assert ratio([200, 100, 220], [100, 50, 110]) == Summary(2, 2, 2)


def test_rounds_must_match() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1, 2], [1])


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)])
def test_a_percentile_is_the_nearest_rank(percent: float, value: int) -> None:
    assert percentile(range(1, 101), percent) == value


def test_the_percentile_of_few_is_the_next_higher() -> None:
    assert percentile([1, 2, 3], 50) == 2
    assert percentile([1, 2, 3], 99) == 3
