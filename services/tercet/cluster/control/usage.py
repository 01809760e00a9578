"""What each worker does and takes, from one look to the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

from google.protobuf.duration_pb2 import Duration

from tercet.cluster.control import proc, records
from tercet.cluster.control.changes import Changes
from tercet.cluster.control.lists import Lists
from tercet.cluster.control.proc import Taken
from tercet.cluster.control.quantiles import quantile
from tercet.cluster.control.records import Key
from tercet.cluster.control.reports import Report, Reports
from tercet.cluster.messages import WorkerRecord
from tercet.cluster.v1 import cluster_pb2
from tercet.errors import InvalidArgument

INTERVAL = 1.0
SHORTEST = 0.1
# Seconds after which a worker that reports nothing new is told to do nothing: three of its reports.
STALE = 3.0


class Usage:
    """
    Args:
        lists: The workers.
        reports: What they say of themselves.
        read: Reads what processes take, by pid; called from a thread.
        now: The clock of `reports`.
    """

    def __init__(
        self,
        lists: Lists,
        reports: Reports,
        *,
        read: Callable[[Iterable[int]], dict[int, Taken]] = proc.read_all,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lists = lists
        self._reports = reports
        self._read = read
        self._now = now
        self._changes = Changes()

    def shut_down(self) -> None:
        """Ends all watches."""
        self._changes.close()

    async def watch(self, interval: float) -> AsyncIterator[list[cluster_pb2.Usage]]:
        """The workers that are there, now and again after each interval.

        Args:
            interval: In seconds.

        Raises:
            Unavailable: The mesh stops before there is a list of workers.
        """
        await self._lists.workers()
        before: dict[Key, Measured] = {}
        while not self._changes.closed:
            there = [record for record in self._lists.records if record.pid]
            taken = await asyncio.to_thread(self._read, [record.pid for record in there])
            now = self._now()
            measured = {
                key: measure(before.get(key), now, taken.get(record.pid), self._reports.of(key))
                for key, record in ((records.key(record), record) for record in there)
            }
            before = measured
            yield [to_proto(record, measured[records.key(record)]) for record in there]
            await self._pause(interval)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                # That nothing changes any more is all that it can say.
                await self._changes.next()
        except TimeoutError:
            return


class Measured(NamedTuple):
    """A worker at one look."""

    at: float
    taken: Taken | None
    # CPUs in use since the look before.
    cpus: float
    # The newest, and what it says beside the one before it: it lasts until there is a newer one.
    report: Report | None
    calls_per_second: float
    p50: float | None
    p99: float | None


def measure(
    before: Measured | None, now: float, taken: Taken | None, report: Report | None
) -> Measured:
    """What a worker does and takes, beside the look before."""
    cpus = 0.0
    if before and before.taken and taken and now > before.at:
        cpus = max(0.0, taken.cpu - before.taken.cpu) / (now - before.at)
    still = Measured(now, taken, cpus, report, 0.0, None, None)
    if not report or not before or not before.report or now - report.at > STALE:
        return still
    if report.at == before.report.at:
        # No news. Reports come once a second, and looks may come more often.
        return still._replace(
            calls_per_second=before.calls_per_second, p50=before.p50, p99=before.p99
        )
    one, other = before.report.statistics, report.statistics
    bounds = other.latency_buckets
    durations = _difference(one.durations(), other.durations())
    return still._replace(
        calls_per_second=max(0, other.begun - one.begun) / (report.at - before.report.at),
        p50=quantile(0.5, bounds, durations),
        p99=quantile(0.99, bounds, durations),
    )


def checked_interval(given: Duration) -> float:
    """
    Raises:
        InvalidArgument: It is too short, and not left out.
    """
    seconds = given.seconds + given.nanos * 1e-9
    if seconds == 0:
        return INTERVAL
    if seconds < SHORTEST:
        raise InvalidArgument(
            f"interval is {seconds:g} s: must be {SHORTEST:g} s or more", field="interval"
        )
    return seconds


def to_proto(record: WorkerRecord, measured: Measured) -> cluster_pb2.Usage:
    made = cluster_pb2.Usage(
        worker=records.worker(record),
        calls_per_second=measured.calls_per_second,
        cpus=measured.cpus,
    )
    if measured.taken:
        made.rss_bytes = measured.taken.rss
        made.pss_bytes = measured.taken.pss or 0
        made.cpu_time.CopyFrom(_duration(measured.taken.cpu))
    if measured.report:
        made.calls = measured.report.statistics.begun
        made.in_flight = measured.report.statistics.calls_running or 0
    if measured.p50 is not None and measured.p99 is not None:
        made.p50.CopyFrom(_duration(measured.p50))
        made.p99.CopyFrom(_duration(measured.p99))
    return made


def _difference(one: list[int], other: list[int]) -> list[int]:
    if not one:
        return other
    return [max(0, after - before) for before, after in zip(one, other, strict=True)]


def _duration(seconds: float) -> Duration:
    made = Duration()
    made.FromNanoseconds(round(seconds * 1e9))
    return made
