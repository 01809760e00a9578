"""Serves `/metrics` of all workers from this one process, which no call of theirs keeps busy."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import attrgetter

from prometheus_client.exposition import make_wsgi_app
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from tercet.cluster.control import proc, records, sockets
from tercet.cluster.control.families import Slot, Snapshot, families
from tercet.cluster.control.lists import Lists
from tercet.cluster.control.proc import Taken
from tercet.cluster.control.reports import Reports
from tercet.cluster.messages import Event, EventKind, WorkerRecord
from tercet.cluster.scrapes import Listener, only_metrics

# Seconds that a scrape waits for the loop, and for /proc.
PATIENCE = 5.0


class Metrics:
    """Belongs to the loop that made it.

    Args:
        lists: The workers, and the mesh.
        reports: What the workers say of themselves.
    """

    def __init__(self, lists: Lists, reports: Reports) -> None:
        self._lists = lists
        self._reports = reports
        # Of those that are kept, and of all since: a new control process begins with the former.
        self._events: Counter[EventKind] = Counter()
        self._loop = asyncio.get_running_loop()
        # Scrapes come one after the other: several at once would only take longer each.
        self._turn = threading.Lock()

    def count(self, event: Event) -> None:
        self._events[event.kind] += 1

    def serve(self, where: str) -> Listener:
        """Serves them until the listener is stopped.

        Args:
            where: "host:port", or "fd:number" of an inherited socket that listens.

        Raises:
            ConfigError: It cannot be bound.
        """
        registry = CollectorRegistry(support_collectors_without_names=True)
        registry.register(_Scraped(self._ask))
        return Listener(sockets.address_or_socket(where), only_metrics(make_wsgi_app(registry)))

    async def snapshot(self) -> Snapshot:
        """All that is known now; waits until anything is.

        Raises:
            Unavailable: The mesh stops before.
        """
        await self._lists.workers()
        pids = {record.pid: records.key(record) for record in self._lists.records if record.pid}
        taken = await asyncio.to_thread(proc.read_all, pids, pss=False)
        for pid, worker in pids.items():
            if pid in taken:
                self._reports.add_cpu(worker, taken[pid].cpu)
        place = attrgetter("service", "slot")
        listed = sorted(self._lists.records, key=attrgetter("service", "slot", "generation"))
        return Snapshot(
            slots=[
                self._slot(service, number, list(workers), taken)
                for (service, number), workers in groupby(listed, place)
            ],
            events=dict(self._events),
            description=self._lists.seen,
        )

    def _slot(
        self, service: str, number: int, workers: list[WorkerRecord], taken: dict[int, Taken]
    ) -> Slot:
        return Slot(
            service=service,
            number=number,
            workers=workers,
            statistics=self._reports.total((service, number)),
            rss=sum(taken[worker.pid].rss for worker in workers if worker.pid in taken),
            cpu=self._reports.total_cpu((service, number)),
        )

    def _ask(self) -> Snapshot:
        with self._turn:
            asked = asyncio.run_coroutine_threadsafe(self.snapshot(), self._loop)
            try:
                return asked.result(PATIENCE)
            finally:
                asked.cancel()


class _Scraped(Collector):
    """A collector of prometheus_client; called from the threads that answer scrapes."""

    def __init__(self, ask: Callable[[], Snapshot]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        return families(self._ask())
