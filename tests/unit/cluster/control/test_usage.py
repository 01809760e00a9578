"""What workers do and take, from one look to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from tercet.cluster.control.lists import Lists
from tercet.cluster.control.proc import Taken
from tercet.cluster.control.reports import Reports
from tercet.cluster.control.usage import STALE, Usage, checked_interval
from tercet.cluster.messages import Workers
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2
from tests.unit.cluster.control.made import record, reported


@dataclass
class Scene:
    """A clock, a /proc, and what looks at them."""

    now: float = 100.0
    taken: dict[int, Taken] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lists = Lists()
        self.lists.update(Workers(1, [record()]))
        self.reports = Reports(now=lambda: self.now)
        self.usage = Usage(self.lists, self.reports, read=self.read, now=lambda: self.now)
        self.watch = self.usage.watch(0.0)

    def read(self, pids: Iterable[int]) -> dict[int, Taken]:
        return {pid: self.taken[pid] for pid in pids if pid in self.taken}

    async def look(self) -> cluster_pb2.Usage:
        found = await anext(self.watch)
        assert len(found) == 1
        return found[0]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_rates_are_of_the_time_between_two_looks(scene: Scene) -> None:
    scene.taken = {42: Taken(rss=1000, pss=600, cpu=5.0)}
    scene.reports.add(reported(ended=100, calls_running=3))
    first = await scene.look()
    assert (first.rss_bytes, first.pss_bytes, first.cpu_time.seconds) == (1000, 600, 5)
    assert (first.calls, first.in_flight) == (100, 3)
    assert (first.calls_per_second, first.cpus, first.HasField("p50")) == (0, 0, False)
    scene.now += 2
    scene.taken = {42: Taken(rss=1000, pss=600, cpu=6.0)}
    scene.reports.add(reported(ended=300))
    second = await scene.look()
    assert (second.calls_per_second, second.cpus) == (100, 0.5)
    # All of them between 1 and 2 ms.
    assert second.p50.ToMicroseconds() == 1500
    assert second.p99.ToMicroseconds() == 1990


async def test_between_two_reports_the_rates_stay(scene: Scene) -> None:
    scene.reports.add(reported(ended=0))
    await scene.look()
    scene.now += 1
    scene.reports.add(reported(ended=10))
    rates = []
    for _ in range(4):
        rates.append((await scene.look()).calls_per_second)
        scene.now += 0.2
    scene.now += 0.2
    scene.reports.add(reported(ended=30))
    rates.append((await scene.look()).calls_per_second)
    assert rates == pytest.approx([10, 10, 10, 10, 20])


async def test_one_that_is_silent_for_long_is_told_to_do_nothing(scene: Scene) -> None:
    scene.reports.add(reported(ended=0))
    await scene.look()
    scene.now += 1
    scene.reports.add(reported(ended=10))
    assert (await scene.look()).calls_per_second == 10
    scene.now += STALE + 0.1
    silent = await scene.look()
    assert (silent.calls_per_second, silent.HasField("p99"), silent.calls) == (0, False, 10)


async def test_calls_that_did_not_end_have_no_duration(scene: Scene) -> None:
    scene.reports.add(reported(ended=10))
    await scene.look()
    scene.now += 1
    scene.reports.add(reported(ended=10, streams_begun=15, calls_running=5))
    found = await scene.look()
    assert (found.calls_per_second, found.in_flight, found.HasField("p50")) == (5, 5, False)


async def test_what_is_not_known_is_left_out(scene: Scene) -> None:
    found = await scene.look()
    assert {field.name for field, _ in found.ListFields()} == {"worker"}


async def test_those_without_a_process_are_left_out_and_a_new_one_begins_anew(
    scene: Scene,
) -> None:
    scene.taken = {42: Taken(1, 1, 9.0), 43: Taken(1, 1, 1.0)}
    scene.reports.add(reported(ended=1000))
    await scene.look()
    scene.now += 1
    gone = record(state=State.GONE, pid=0)
    scene.lists.update(Workers(2, [gone, record(generation=2, pid=43)]))
    scene.reports.add(reported(ended=1, generation=2))
    found = await scene.look()
    assert (found.worker.generation, found.calls) == (2, 1)
    assert (found.calls_per_second, found.cpus) == (0, 0)


def test_an_interval_that_is_left_out_is_a_second() -> None:
    request = cluster_pb2.WatchUsageRequest()
    assert checked_interval(request.interval) == 1.0
    request.interval.FromMilliseconds(100)
    assert checked_interval(request.interval) == pytest.approx(0.1)
