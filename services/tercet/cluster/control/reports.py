"""What the workers have last said of themselves."""

from __future__ import annotations

import logging
import operator
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tercet.cluster import statistics
from tercet.cluster.control.carried import Carried, Slot
from tercet.cluster.control.records import Key, key
from tercet.cluster.link import RUBBISH
from tercet.cluster.messages import Reported, WorkerRecord
from tercet.cluster.states import State
from tercet.cluster.statistics import Statistics

log = logging.getLogger("tercet")


class Report(NamedTuple):
    """A worker's counts."""

    # When they arrived, by the clock of `Reports`.
    at: float
    statistics: Statistics


class Reports:
    """Belongs to the loop.

    Args:
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        # None before the first list of workers: they are told in any order.
        self._alive: set[Key] | None = None
        self._times: dict[Key, float] = {}
        self._statistics: Carried[Statistics] = Carried(statistics.added, statistics.ended)
        self._cpu: Carried[float] = Carried(operator.add)

    def update(self, workers: Iterable[WorkerRecord]) -> None:
        """Takes over a list of workers."""
        records = list(workers)
        alive = {key(record) for record in records if record.state is not State.GONE}
        slots = {(record.service, record.slot) for record in records}
        self._alive = alive
        self._times = {worker: at for worker, at in self._times.items() if worker in alive}
        self._statistics.keep(alive, slots)
        self._cpu.keep(alive, slots)

    def add(self, message: Reported) -> None:
        """Takes over a report; one of a worker that is gone comes too late."""
        worker = Key(message.service, message.slot, message.generation)
        if not self._is_there(worker):
            return
        try:
            decoded = statistics.decode(message.statistics)
        except RUBBISH as error:
            log.warning("what %s/%d says of itself is garbled: %s", *worker[:2], error)
            return
        self._times[worker] = self._now()
        self._statistics.set(worker, decoded)

    def add_cpu(self, worker: Key, seconds: float) -> None:
        """Takes over what CPU time a worker has used since its start."""
        if self._is_there(worker):
            self._cpu.set(worker, seconds)

    def of(self, worker: Key) -> Report | None:
        """The last report of a worker that is there, if it has sent any."""
        found = self._statistics.get(worker)
        return None if found is None else Report(self._times[worker], found)

    def total(self, slot: Slot) -> Statistics | None:
        """Counts of a slot, those of its former workers among them."""
        return self._statistics.total(slot)

    def total_cpu(self, slot: Slot) -> float | None:
        """Seconds of CPU time of a slot, those of its former workers among them."""
        return self._cpu.total(slot)

    def _is_there(self, worker: Key) -> bool:
        return self._alive is None or worker in self._alive
