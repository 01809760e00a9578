"""The metrics of all workers, in Prometheus' terms.

Each slot of a service is one series, labelled `service` and `worker` (the slot's number), whichever
process fills it. While one replaces another their gauges are added, and counters go on over those
that are gone (`carried`). The generation or the pid as a label would be a new set of series, some
forty for each method, at each reload and each recycling; and what a worker had counted before its
first scrape and after its last would be lost to rate().

Names follow Prometheus' conventions, and those of the gateway's own metrics. What a worker's engine
does not count has no series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import grpc
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from tercet.cluster.messages import Description, EventKind, WorkerRecord
from tercet.cluster.states import State
from tercet.cluster.statistics import Statistics

LABELS = ["service", "worker"]
WORKER = "tercet_worker_"
MESH = "tercet_mesh_"
# Of calls that never reached a method.
OTHER = "other"
# gRPC statuses by number.
CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class Slot(NamedTuple):
    """One slot at the time of a scrape."""

    service: str
    number: int
    # The workers that it has; the last one is the newest.
    workers: Sequence[WorkerRecord]
    # Of those and of the former ones.
    statistics: Statistics | None
    # Bytes of resident memory.
    rss: int
    # Seconds of CPU time, of those and of the former ones.
    cpu: float | None

    @property
    def labels(self) -> list[str]:
        return [self.service, str(self.number)]


class Snapshot(NamedTuple):
    """What a scrape tells."""

    slots: Sequence[Slot]
    events: Mapping[EventKind, int]
    description: Description | None


GAUGES: Sequence[tuple[str, str, Callable[[Slot], float]]] = (
    (
        "up",
        "Whether the slot has a worker that is ready: 1 or 0.",
        lambda slot: any(worker.state is State.READY for worker in slot.workers),
    ),
    (
        "generation",
        "Counts the workers that have filled the slot: the newest one's number.",
        lambda slot: slot.workers[-1].generation,
    ),
    (
        "revision",
        "Of the configuration and the code that the newest worker was started with.",
        lambda slot: slot.workers[-1].revision,
    ),
    (
        "start_time_seconds",
        "When the newest worker was started, in seconds since the epoch.",
        lambda slot: slot.workers[-1].started,
    ),
    ("resident_memory_bytes", "Resident memory.", lambda slot: slot.rss),
)
# Name of the metric, field of Statistics, help.
COUNTED_GAUGES = (
    ("connections", "connections", "Connections to the worker."),
    ("calls_in_flight", "calls_running", "Calls that have not ended."),
    ("calls_queued", "calls_queued", "Of the calls in flight, those not given to a handler yet."),
    ("loop_lag_seconds", "lag", "By how much the event loop was late when it last looked."),
    (
        "handler_pool_wait_seconds",
        "pool_wait",
        "How long a task last waited for a thread of the pool of handlers.",
    ),
)
COUNTERS = (
    ("connections_accepted", "connections_accepted", "Connections that were opened to it."),
    ("received_bytes", "bytes_received", "Bytes read."),
    ("sent_bytes", "bytes_sent", "Bytes written."),
)


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """All metrics of a snapshot."""
    slots = snapshot.slots
    for name, text, value in GAUGES:
        gauge = GaugeMetricFamily(WORKER + name, text, labels=LABELS)
        for slot in slots:
            gauge.add_metric(slot.labels, float(value(slot)))
        yield gauge
    yield _states(slots)
    restarts = CounterMetricFamily(
        f"{WORKER}restarts", "Times that a worker has died by itself.", labels=LABELS
    )
    cpu = CounterMetricFamily(f"{WORKER}cpu_seconds", "CPU time.", labels=LABELS)
    for slot in slots:
        restarts.add_metric(slot.labels, slot.workers[-1].restarts)
        if slot.cpu is not None:
            cpu.add_metric(slot.labels, slot.cpu)
    yield from (restarts, cpu)
    counted = [(slot.labels, slot.statistics) for slot in slots if slot.statistics is not None]
    yield from _counts(counted)
    yield from _calls(counted)
    yield from _mesh(snapshot)


Counted = Sequence[tuple[list[str], Statistics]]


def _states(slots: Iterable[Slot]) -> Metric:
    made = GaugeMetricFamily(
        f"{WORKER}processes", "Workers of the slot in that state.", labels=[*LABELS, "state"]
    )
    for slot in slots:
        there = Counter(worker.state for worker in slot.workers)
        for state in State:
            made.add_metric([*slot.labels, state.value], there[state])
    return made


def _counts(counted: Counted) -> Iterator[Metric]:
    for kind, table in ((GaugeMetricFamily, COUNTED_GAUGES), (CounterMetricFamily, COUNTERS)):
        for name, field, text in table:
            made = kind(WORKER + name, text, labels=LABELS)
            for labels, statistics in counted:
                value = getattr(statistics, field)
                if value is not None:
                    made.add_metric(labels, value)
            yield made
    limits = CounterMetricFamily(
        f"{WORKER}limits_applied",
        "Times that a limit on clients was applied: docs/security.md lists them.",
        labels=[*LABELS, "limit"],
    )
    for labels, statistics in counted:
        for limit, count in statistics.limits.items():
            # A counter should be there with its 0 before it counts, or increase() does not see its
            # first step. There are some twenty limits for each worker, most never applied.
            if count:
                limits.add_metric([*labels, limit], count)
    yield limits


def _calls(counted: Counted) -> Iterator[Metric]:
    calls = CounterMetricFamily(
        f"{WORKER}calls",
        "Calls that have ended, by their status.",
        labels=[*LABELS, "method", "code"],
    )
    durations = HistogramMetricFamily(
        f"{WORKER}call_duration_seconds",
        "Time of calls, from the request's headers to the status.",
        labels=[*LABELS, "method"],
    )
    for labels, statistics in counted:
        for path, codes in statistics.calls.items():
            for code, count in codes.items():
                calls.add_metric([*labels, _method(path), CODES.get(code, str(code))], count)
        bounds = [*map(floatToGoString, statistics.latency_buckets), "+Inf"]
        for path, counts in statistics.latency.items():
            # Prometheus' buckets hold those of the lower ones too.
            buckets = list(zip(bounds, map(float, accumulate(counts)), strict=True))
            # A worker of an older version adds no times up: no sum, rather than a wrong one.
            total = statistics.seconds.get(path)
            durations.add_metric([*labels, _method(path)], buckets, total)
    yield from (calls, durations)


def _mesh(snapshot: Snapshot) -> Iterator[Metric]:
    events = CounterMetricFamily(
        f"{MESH}events", "What has happened, such as reload_failed.", labels=["kind"]
    )
    for kind in EventKind:
        events.add_metric([kind.value], snapshot.events.get(kind, 0))
    yield events
    if description := snapshot.description:
        yield GaugeMetricFamily(
            f"{MESH}revision",
            "Number of the configuration in force; one that was refused has used up a number.",
            value=description.revision,
        )
        yield GaugeMetricFamily(
            f"{MESH}reload_failed",
            "Whether the last reload has failed: 1 or 0.",
            value=float(bool(description.reload_error)),
        )
        wanted = GaugeMetricFamily(
            f"{MESH}workers", "Workers that the service is to have.", labels=["service"]
        )
        for service in description.services:
            wanted.add_metric([service.name], service.workers)
        yield wanted


def _method(path: str) -> str:
    return path.removeprefix("/") or OTHER
