"""Whether a loop still turns: told the time, so that nobody waits."""

from __future__ import annotations

import pytest

from tercet.cluster.heartbeat import LONGEST, Heartbeat, every, pulse


def looked_at(heart: Heartbeat, *, since: float, until: float, timeout: float) -> bool:
    """Whether one of the looks from `since` to `until` finds that it hangs."""
    looks = round((until - since) / every(timeout))
    return any(heart.look(since + number * every(timeout)) for number in range(1, looks + 1))


def test_one_that_beats_does_not_hang() -> None:
    heart = Heartbeat(10.0, 0.0)
    for second in range(1, 100):
        assert not heart.look(float(second))
        assert not heart.stalls(float(second))
        heart.beat(float(second))


def test_one_that_is_silent_stalls_at_half_of_the_timeout_and_hangs_at_the_whole() -> None:
    heart = Heartbeat(10.0, 0.0)
    assert not looked_at(heart, since=0.0, until=10.0, timeout=10.0)
    assert heart.stalls(5.1)
    assert heart.look(11.0)


def test_a_beat_in_time_mends_a_stall() -> None:
    heart = Heartbeat(10.0, 0.0)
    assert not looked_at(heart, since=0.0, until=9.0, timeout=10.0)
    assert heart.stalls(9.0)
    heart.beat(9.0)
    assert not heart.stalls(9.0)
    assert not looked_at(heart, since=9.0, until=18.0, timeout=10.0)


def test_a_look_that_comes_late_is_an_amnesty() -> None:
    heart = Heartbeat(10.0, 0.0)
    # This process has stood still for longer than the timeout.
    assert not heart.look(3600.0)
    assert not heart.stalls(3600.0)
    # From there on it is as strict as ever.
    assert not looked_at(heart, since=3600.0, until=3610.0, timeout=10.0)
    assert heart.look(3611.0)


def test_standing_still_for_less_than_what_counts_as_late_does_not_condemn_who_beats() -> None:
    # The last beat before may be a whole pulse old, and those after were not read.
    heart = Heartbeat(10.0, 0.0)
    assert not heart.look(1.0)
    heart.beat(1.0)
    assert not heart.look(2.9)
    assert not heart.look(7.8)


def test_without_a_timeout_it_never_hangs() -> None:
    heart = Heartbeat(0.0, 0.0)
    assert not heart.look(10**6)
    assert not heart.stalls(10**6)


@pytest.mark.parametrize(
    ("timeout", "seconds"), [(0.0, LONGEST), (30.0, LONGEST), (1.0, 0.2), (0.2, 0.04)]
)
def test_there_are_several_pulses_in_a_timeout(timeout: float, seconds: float) -> None:
    assert pulse(timeout) == pytest.approx(seconds)
