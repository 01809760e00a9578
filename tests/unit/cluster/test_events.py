"""What has happened: numbered without a gap, the newest kept."""

from __future__ import annotations

import time

from tercet.cluster.events import KEPT, History
from tercet.cluster.messages import Event, EventKind


def test_each_event_is_numbered_told_and_kept() -> None:
    told: list[Event] = []
    history = History(told.append)
    before = time.time()
    history.add(EventKind.WORKER_STARTED, service="one", slot=2, generation=3, pid=4)
    history.add(EventKind.RELOAD_FAILED, text="it is broken")
    assert history.all() == told
    first, second = told
    assert (first.sequence, first.service, first.slot, first.generation) == (1, "one", 2, 3)
    assert (second.sequence, second.text, second.slot) == (2, "it is broken", -1)
    assert before <= first.time <= second.time <= time.time()


def test_the_newest_are_kept() -> None:
    history = History()
    for _ in range(KEPT + 5):
        history.add(EventKind.SCALED)
    assert [event.sequence for event in history.all()] == list(range(6, KEPT + 6))


def test_what_is_handed_out_does_not_change() -> None:
    history = History()
    history.add(EventKind.SCALED)
    handed_out = history.all()
    history.add(EventKind.SCALED)
    assert len(handed_out) == 1
