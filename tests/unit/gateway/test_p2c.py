"""The default policy, simulated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from tercet.gateway.p2c import LeastOfTwo


@dataclass
class Fake:
    in_flight: int = 0


def test_one_endpoint_is_the_only_choice() -> None:
    only = Fake(99)
    assert LeastOfTwo(Random(1)).pick([only]) is only


def test_of_two_the_less_busy_is_picked() -> None:
    busy, idle = Fake(2), Fake(1)
    policy = LeastOfTwo(Random(1))
    assert all(policy.pick([busy, idle]) is idle for _ in range(100))


def test_equal_endpoints_share_equally() -> None:
    endpoints = [Fake() for _ in range(4)]
    policy = LeastOfTwo(Random(1))
    picked = Counter(id(policy.pick(endpoints)) for _ in range(40_000))
    assert all(abs(count - 10_000) < 500 for count in picked.values())


def test_the_busiest_of_many_is_close_to_the_mean() -> None:
    # Balls into bins: one choice leaves the fullest of 64 bins at about +8 over a mean of 16
    # here, two choices at +2 or so (Mitzenmacher 2001).
    endpoints = [Fake() for _ in range(64)]
    policy = LeastOfTwo(Random(1))
    for _ in range(64 * 16):
        policy.pick(endpoints).in_flight += 1
    assert max(each.in_flight for each in endpoints) <= 16 + 3


def test_a_stuck_endpoint_is_left_alone() -> None:
    stuck, *others = [Fake() for _ in range(4)]
    stuck.in_flight = 1000
    policy = LeastOfTwo(Random(1))
    assert all(policy.pick([stuck, *others]) is not stuck for _ in range(1000))
