"""Counters of a slot, over the workers that fill it one after another.

What a worker has counted stays in its slot's sum when it is gone: for whoever reads the sum, its
replacement is no reset, and two workers that are there at once are one series.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

from tercet.cluster.control.records import Key

Value = TypeVar("Value")
Slot = tuple[str, int]


class Carried(Generic[Value]):
    """
    Args:
        add: Two values as one.
        end: What of a value is left when its worker is gone.
    """

    def __init__(
        self,
        add: Callable[[Value, Value], Value],
        end: Callable[[Value], Value] = lambda value: value,
    ) -> None:
        self._add = add
        self._end = end
        self._now: dict[Key, Value] = {}
        self._ended: dict[Slot, Value] = {}

    def set(self, worker: Key, value: Value) -> None:
        """The newest value of a worker that is there."""
        self._now[worker] = value

    def get(self, worker: Key) -> Value | None:
        return self._now.get(worker)

    def keep(self, alive: Collection[Key], slots: Collection[Slot]) -> None:
        """Takes note of which workers, and which slots, are there; of others nothing is kept."""
        for worker in self._now.keys() - alive:
            slot = worker[:2]
            value = self._end(self._now.pop(worker))
            before = self._ended.get(slot)
            self._ended[slot] = value if before is None else self._add(before, value)
        for gone in self._ended.keys() - slots:
            del self._ended[gone]

    def total(self, slot: Slot) -> Value | None:
        """Of all workers that the slot has and has had; None if nothing was ever known."""
        total = self._ended.get(slot)
        for worker, value in self._now.items():
            if worker[:2] == slot:
                total = value if total is None else self._add(total, value)
        return total
