"""A mesh at one moment, and how that is shown."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tercet.cli.output import age, seconds
from tercet.cli.workers import standing, state_of

if TYPE_CHECKING:
    from tercet.cluster.v1 import cluster_pb2

COLUMNS = (
    "SERVICE",
    "SLOT",
    "PID",
    "STATE",
    "AGE",
    "RSS",
    "PSS",
    "CPU",
    "CALLS/S",
    "IN FLIGHT",
    "P50",
    "P99",
    "RESTARTS",
)
# Those that are numbers: to the right.
RIGHT = frozenset(COLUMNS) - {"SERVICE", "STATE"}


class Key(NamedTuple):
    """Which worker."""

    service: str
    slot: int
    generation: int

    def __str__(self) -> str:
        return f"{self.service}/{self.slot}"


class Snapshot(NamedTuple):
    """What the control process says at one moment."""

    described: cluster_pb2.DescribeResponse
    workers: Sequence[cluster_pb2.Worker]
    usage: Sequence[cluster_pb2.Usage]

    def rows(self) -> Iterator[tuple[Key, cluster_pb2.Worker, cluster_pb2.Usage | None]]:
        """The workers, those that wait too; services in the order of the configuration."""
        used = {key_of(each.worker): each for each in self.usage}
        there = {key_of(each): each for each in self.workers}
        # One that was started between the two answers.
        there |= {key: each.worker for key, each in used.items() if key not in there}
        order = [service.name for service in self.described.services]

        def place(key: Key) -> tuple[int, Key]:
            return (order.index(key.service) if key.service in order else len(order), key)

        for key in sorted(there, key=place):
            yield key, there[key], used.get(key)

    def wanted(self, service: str) -> int | None:
        """Workers that a service is to have; None if it is not one that can be scaled."""
        for each in self.described.services:
            if each.name == service:
                return each.workers
        return None

    def title(self) -> str:
        """A line about the whole."""
        ready = sum(state_of(worker) == "ready" for worker in self.workers)
        parts = [
            f"mesh {self.described.pid}",
            f"revision {self.described.revision}",
            f"{ready} of {len(self.workers)} workers ready",
            f"{sum(each.calls_per_second for each in self.usage):.0f} calls/s",
            f"{sum(each.cpus for each in self.usage) * 100:.0f} % CPU",
            f"{size(sum(each.pss_bytes for each in self.usage))}",
        ]
        if self.described.operation:
            parts.append(f"under way: {self.described.operation}")
        if self.described.reload_error:
            parts.append(f"the last reload has failed: {self.described.reload_error}")
        return " · ".join(parts)


def key_of(worker: cluster_pb2.Worker) -> Key:
    return Key(worker.service, worker.slot, worker.generation)


def cells(worker: cluster_pb2.Worker, usage: cluster_pb2.Usage | None) -> tuple[str, ...]:
    """A row of the table."""
    alive = worker.pid != 0
    head = (
        worker.service,
        str(worker.slot),
        str(worker.pid or "-"),
        standing(worker),
        age(time.time() - worker.started.ToNanoseconds() / 1e9) if alive else "-",
    )
    if usage is None or not alive:
        return (*head, *("-",) * 7, str(worker.restarts))
    return (
        *head,
        size(usage.rss_bytes),
        size(usage.pss_bytes),
        f"{usage.cpus * 100:.0f} %",
        f"{usage.calls_per_second:.0f}"
        if usage.calls_per_second >= 10
        else f"{usage.calls_per_second:.1f}",
        str(usage.in_flight),
        quantile(usage, "p50"),
        quantile(usage, "p99"),
        str(worker.restarts),
    )


def as_dict(worker: cluster_pb2.Worker, usage: cluster_pb2.Usage | None) -> dict[str, Any]:
    """A row as JSON shows it: as `tercet workers` does, and the usage; None if there is none."""
    from tercet.cli import workers

    shown = workers.as_dict(worker)
    if usage is None:
        return shown | {"usage": None}

    def duration(name: str) -> float | None:
        if not usage.HasField(name):
            return None
        return float(getattr(usage, name).ToNanoseconds() / 1e9)

    return shown | {
        "usage": {
            "rss_bytes": usage.rss_bytes,
            "pss_bytes": usage.pss_bytes,
            "cpu_time": duration("cpu_time"),
            "cpus": usage.cpus,
            "calls": usage.calls,
            "calls_per_second": usage.calls_per_second,
            "in_flight": usage.in_flight,
            "p50": duration("p50"),
            "p99": duration("p99"),
        }
    }


def event_line(event: cluster_pb2.Event) -> str:
    """An event on a line."""
    from tercet.cluster.v1 import cluster_pb2

    when = time.strftime("%H:%M:%S", time.localtime(event.time.seconds))
    kind = cluster_pb2.EventKind.Name(event.kind).removeprefix("EVENT_KIND_").lower()
    about = event.service
    if event.service and event.slot >= 0:
        about = f"{event.service}/{event.slot}"
    pid = f"pid {event.pid}" if event.pid else ""
    said = " ".join(part for part in (kind.replace("_", " "), about, pid) if part)
    return f"{when}  {said}{f': {event.text}' if event.text else ''}"


def size(count: int) -> str:
    """Bytes, in three digits."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


def quantile(usage: cluster_pb2.Usage, name: str) -> str:
    if not usage.HasField(name):
        return "-"
    return seconds(getattr(usage, name).ToNanoseconds() / 1e9)
