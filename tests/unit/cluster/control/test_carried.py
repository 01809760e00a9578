"""Counters that outlive the workers of a slot."""

from __future__ import annotations

import operator

from tercet.cluster.control.carried import Carried
from tercet.cluster.control.records import Key

OLD, NEW = Key("a", 0, 1), Key("a", 0, 2)
OTHER = Key("a", 1, 1)
SLOTS = [("a", 0), ("a", 1)]


def test_the_counter_of_a_slot_goes_on_over_its_workers() -> None:
    carried: Carried[int] = Carried(operator.add)
    assert carried.total(("a", 0)) is None
    carried.set(OLD, 100)
    carried.set(OTHER, 7)
    told = [carried.total(("a", 0))]
    carried.keep({OLD, NEW, OTHER}, SLOTS)
    carried.set(NEW, 1)
    told.append(carried.total(("a", 0)))
    carried.set(OLD, 110)
    told.append(carried.total(("a", 0)))
    carried.keep({NEW, OTHER}, SLOTS)
    told.append(carried.total(("a", 0)))
    carried.set(NEW, 5)
    told.append(carried.total(("a", 0)))
    assert told == [100, 101, 111, 111, 115]
    assert carried.total(("a", 1)) == 7


def test_of_one_that_is_gone_only_what_is_left_counts() -> None:
    carried: Carried[int] = Carried(operator.add, end=lambda value: 0)
    carried.set(OLD, 100)
    carried.keep({NEW}, SLOTS)
    assert carried.total(("a", 0)) == 0


def test_a_slot_that_is_gone_is_forgotten() -> None:
    carried: Carried[int] = Carried(operator.add)
    carried.set(OLD, 100)
    carried.keep(set(), [])
    assert carried.total(("a", 0)) is None
    assert not carried._ended
