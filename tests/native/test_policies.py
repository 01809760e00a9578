"""Balancing policies, by what they lead to: the distribution of many calls, simulated."""

from __future__ import annotations

import heapq
from collections import Counter
from random import Random

import pytest

from tercet.gateway._p2c import LeastOfTwo
from tercet.gateway._policy import Policy, pick
from tercet.gateway._round_robin import RoundRobin

EVEN = (1.0, 1.0, 1.0, 1.0)


def arrivals(policy: Policy, weights: tuple[float, ...], calls: int) -> Counter[int]:
    """Picks of idle endpoints."""
    return Counter(pick(policy, [0] * len(weights), weights) for _ in range(calls))


def queue_lengths(policy: Policy, speeds: tuple[float, ...], *, load: float) -> list[int]:
    """Calls in flight at the busiest endpoint when each of many calls arrives.

    Calls arrive at random (Poisson), each endpoint works on one at a time and takes a time that is
    random (exponential).

    Args:
        speeds: Calls that each endpoint finishes a second.
        load: Calls that arrive, of those that all could finish.
    """
    draw = Random(11)
    now = 0.0
    loads = [0] * len(speeds)
    free = [0.0] * len(speeds)
    ends: list[tuple[float, int]] = []
    busiest = []
    for _ in range(20_000):
        now += draw.expovariate(load * sum(speeds))
        while ends and ends[0][0] <= now:
            loads[heapq.heappop(ends)[1]] -= 1
        chosen = pick(policy, loads, EVEN[: len(speeds)])
        loads[chosen] += 1
        free[chosen] = max(now, free[chosen]) + draw.expovariate(speeds[chosen])
        heapq.heappush(ends, (free[chosen], chosen))
        busiest.append(max(loads))
    return busiest


def quantile(values: list[int], share: float) -> int:
    return sorted(values)[int(share * len(values))]


@pytest.mark.parametrize("policy", [LeastOfTwo(7), RoundRobin()])
def test_idle_endpoints_get_the_same(policy: Policy) -> None:
    counts = arrivals(policy, EVEN, 8000)
    assert all(abs(counts[index] - 2000) < 200 for index in range(4))


def test_the_less_busy_of_two_is_picked() -> None:
    policy = LeastOfTwo(3)
    assert {pick(policy, [5, 4], (1.0, 1.0)) for _ in range(50)} == {1}


def test_the_busiest_of_all_is_never_picked() -> None:
    policy = LeastOfTwo(3)
    assert 2 not in {pick(policy, [1, 1, 9, 1], EVEN) for _ in range(500)}


def test_two_choices_keep_queues_short_where_turns_do_not() -> None:
    # One endpoint of four is at a quarter of the others' speed: its turn comes as often.
    speeds = (10.0, 10.0, 10.0, 2.5)
    turns = queue_lengths(RoundRobin(), speeds, load=0.7)
    choices = queue_lengths(LeastOfTwo(5), speeds, load=0.7)
    assert quantile(choices, 0.99) <= 12
    assert quantile(turns, 0.99) >= 10 * quantile(choices, 0.99)


def test_two_choices_are_nearly_as_good_among_equals_at_high_load() -> None:
    assert quantile(queue_lengths(LeastOfTwo(5), (10.0,) * 4, load=0.9), 0.99) <= 25


@pytest.mark.parametrize("policy", [LeastOfTwo(7), RoundRobin()])
def test_weights_are_shares(policy: Policy) -> None:
    loads = [0, 0, 0]
    weights = (1.0, 2.0, 5.0)
    counts: Counter[int] = Counter()
    # Each call lasts as long as 24 others.
    running: list[int] = []
    for _ in range(8000):
        chosen = pick(policy, loads, weights)
        counts[chosen] += 1
        loads[chosen] += 1
        running.append(chosen)
        if len(running) > 24:
            loads[running.pop(0)] -= 1
    for index, weight in enumerate(weights):
        assert counts[index] / 8000 == pytest.approx(weight / 8, abs=0.03)


def test_weighted_turns_are_spread_out() -> None:
    policy = RoundRobin()
    picks = [pick(policy, [0, 0], (1.0, 3.0)) for _ in range(8)]
    assert picks.count(0) == 2
    assert picks.index(0) > 0 and picks[picks.index(0) + 1] == 1


def test_equal_seeds_pick_the_same() -> None:
    loads, weights = [0] * 9, (1.0,) * 9
    one, same, other = LeastOfTwo(1), LeastOfTwo(1), LeastOfTwo(2)
    picks = [[pick(each, loads, weights) for _ in range(40)] for each in (one, same, other)]
    assert picks[0] == picks[1] != picks[2]


@pytest.mark.parametrize("policy", [LeastOfTwo(7), RoundRobin()])
def test_endpoints_may_come_and_go(policy: Policy) -> None:
    for count in (1, 5, 2, 1, 7, 3):
        for weights in ((1.0,) * count, tuple(float(index + 1) for index in range(count))):
            assert 0 <= pick(policy, [0] * count, weights) < count


def test_there_must_be_somebody_to_pick() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pick(RoundRobin(), [], [])
    with pytest.raises(ValueError, match="weight for each"):
        pick(RoundRobin(), [1], [])
