"""Waiting before a slot is filled again."""

from __future__ import annotations

from random import Random

from tercet.cluster.backoff import Backoff


def test_grows_to_its_ceiling_with_at_most_a_quarter_less() -> None:
    backoff = Backoff(rng=Random(1), base=0.1, ceiling=15.0)
    for expected in [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0, 15.0]:
        assert 0.75 * expected <= backoff.next(lifetime=0.0) <= expected


def test_a_stable_life_is_followed_at_once_and_forgets() -> None:
    backoff = Backoff(rng=Random(1), base=0.1, stable=10.0)
    for _ in range(5):
        backoff.next(lifetime=0.0)
    assert backoff.next(lifetime=10.0) == 0.0
    assert backoff.next(lifetime=0.0) <= 0.1


def test_slots_that_die_together_return_apart() -> None:
    delays = {Backoff(rng=Random(seed)).next(lifetime=0.0) for seed in range(8)}
    assert len(delays) == 8


def test_a_thousand_deaths_do_not_overflow() -> None:
    backoff = Backoff(rng=Random(1), ceiling=15.0)
    assert max(backoff.next(lifetime=0.0) for _ in range(5000)) <= 15.0
