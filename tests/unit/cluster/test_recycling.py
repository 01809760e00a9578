"""When a worker is worn; drawn by chance, which is an argument."""

from __future__ import annotations

import os
from random import Random

import pytest

from tercet.cluster.recycling import SPREAD, Wear, resident
from tercet.cluster.spec import RecycleSpec


def test_without_limits_nothing_wears() -> None:
    wear = Wear(RecycleSpec(), Random(1))
    assert wear.due(calls=10**9, age=10**9) == ""
    assert not wear.wants_sample(10**9)


def test_calls_wear_it_at_a_number_of_its_own() -> None:
    spec = RecycleSpec(max_requests=100, max_requests_jitter=50)
    limits = set()
    for seed in range(200):
        wear = Wear(spec, Random(seed))
        limits.add(next(calls for calls in range(1000) if wear.due(calls=calls, age=1.0)))
    assert min(limits) >= 100
    assert max(limits) <= 150
    assert len(limits) > 20
    assert Wear(spec, Random(1)).due(calls=150, age=1.0) == "it has taken 150 calls"


def test_without_jitter_all_wear_alike() -> None:
    wear = Wear(RecycleSpec(max_requests=100), Random(1))
    assert wear.due(calls=99, age=1.0) == ""
    assert wear.due(calls=100, age=1.0)


def test_age_wears_it_by_up_to_a_tenth_sooner() -> None:
    for seed in range(200):
        wear = Wear(RecycleSpec(max_age=1000.0), Random(seed))
        assert wear.due(calls=0, age=1000.0 * (1 - SPREAD) - 1) == ""
        assert wear.due(calls=0, age=1000.0) == "it is 1000 s old"


def test_memory_wears_it_when_it_stays_above_the_limit() -> None:
    spec = RecycleSpec(max_rss=100 * 2**20, rss_samples=3, rss_interval=5.0)
    wear = Wear(spec, Random(1))
    above, below = 101 * 2**20, 100 * 2**20
    assert wear.sample(above, 5.0) == ""
    assert wear.sample(above, 10.0) == ""
    # One look below: it was a peak.
    assert wear.sample(below, 15.0) == ""
    assert wear.sample(above, 20.0) == ""
    assert wear.sample(above, 25.0) == ""
    assert wear.sample(above, 30.0) == "it has 101 MiB in memory"


def test_its_memory_is_looked_at_every_interval() -> None:
    wear = Wear(RecycleSpec(max_rss=1, rss_interval=5.0), Random(1))
    assert not wear.wants_sample(4.9)
    assert wear.wants_sample(5.0)
    wear.sample(0, 7.0)
    assert not wear.wants_sample(11.9)
    assert wear.wants_sample(12.0)


def test_resident_memory_of_a_process() -> None:
    assert resident(os.getpid()) == pytest.approx(resident(os.getpid()), rel=0.2)
    assert resident(os.getpid()) > 2**20


def test_one_that_is_gone_has_none() -> None:
    assert resident(2**23) == 0
