"""Puts the control process together. It is a worker like any other, with three faces:

* `tercet.cluster.v1` on its private socket, for those who may open it (mode 0600);
* health alone, with reflection, on the probes' port;
* the metrics of all workers, for Prometheus.

It may be killed at any time: all that it knows it is told by the supervisor, which also owns the
sockets of its three faces; a successor goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tercet.cluster.control import hooks as hooks_
from tercet.cluster.control import sockets
from tercet.cluster.control.events import EventLog
from tercet.cluster.control.hooks import Hooks
from tercet.cluster.control.lists import Lists
from tercet.cluster.control.orders import Orders
from tercet.cluster.control.probed import Probed
from tercet.cluster.control.probes import Prober
from tercet.cluster.control.reports import Reports
from tercet.cluster.control.service import Cluster
from tercet.cluster.control.usage import Usage
from tercet.cluster.control.watching import Watcher
from tercet.cluster.messages import (
    Description,
    Done,
    Event,
    Events,
    Message,
    OrderKind,
    Reported,
    Stop,
    Workers,
)
from tercet.cluster.spec import CONTROL
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2_grpc
from tercet.cluster.worker.context import Worker
from tercet.errors import ConfigError
from tercet.rpc.base import Server

log = logging.getLogger("tercet")

# Seconds that a process which is told to end waits for answers to its orders; half of its grace if
# that is less, so that there is time to pass them on.
PATIENCE = 2.0


def register(
    server: Server,
    *,
    health: str,
    metrics: str = "",
    hooks: Mapping[str, str] | None = None,
    watch: Sequence[str] = (),
    worker: Worker,
) -> None:
    """
    Args:
        health: Where probes ask: "fd:number" of an inherited socket, or "host:port"; "" for none.
        metrics: Where Prometheus asks, likewise.
        hooks: "module:function"s by the name of the event that they are called with.
        watch: Directories and files whose change is a reason to reload.

    Raises:
        ConfigError: An address cannot be bound, there is no such hook, or a path to watch.
    """
    for where in (health, metrics):
        sockets.keep(where)
    control = Control(worker, hooks or {})
    cluster_pb2_grpc.add_ClusterServicer_to_server(control.cluster, server)
    worker.on_drain(control.drain)
    worker.on_close(control.close)
    if health:
        control.answer_probes(health)
    if metrics:
        control.serve_metrics(metrics)
    if watch:
        control.watch_files(watch)
    # Last: what was said so far is heard at once.
    worker.on_message(control.heard)


class Control:
    """The parts of the control process, and who is told what."""

    def __init__(self, worker: Worker, hooks: Mapping[str, str]) -> None:
        self._generation = worker.spec.generation
        self._grace = worker.spec.grace
        self._lists = Lists()
        self._events = EventLog()
        self._reports = Reports()
        self._orders = Orders(worker.send)
        self._prober = Prober(found=worker.send)
        self._hooks: Hooks | None = None
        if hooks:
            self._hooks = Hooks(hooks_.load(hooks, worker.spec))
        self._count: Callable[[Event], None] = lambda event: None
        self._probed: Probed | None = None
        self._answering: asyncio.Task[None] | None = None
        self._closers: list[Callable[[], Awaitable[object]]] = []
        self.cluster = Cluster(
            self._lists, self._events, Usage(self._lists, self._reports), self._orders
        )

    def answer_probes(self, where: str) -> None:
        try:
            self._probed = Probed(where)
        except RuntimeError as error:
            raise ConfigError(f"cannot bind {where} for health: {error}") from error
        self._closers.append(self._probed.close)

    def serve_metrics(self, where: str) -> None:
        # What only those who are scraped need.
        from tercet.cluster.control.metrics import Metrics

        made = Metrics(self._lists, self._reports)
        self._count = made.count
        listener = made.serve(where)
        self._closers.append(lambda: asyncio.to_thread(listener.stop))

    def watch_files(self, paths: Sequence[str]) -> None:
        watcher = Watcher(paths, reload=lambda: self._orders.give(OrderKind.RELOAD))
        watcher.start()
        self._closers.append(watcher.close)

    def heard(self, message: Message) -> None:
        """Of the supervisor."""
        match message:
            case Workers():
                self._lists.update(message)
                self._reports.update(message.workers)
                self._prober.update(message.workers)
                self._update_health()
            case Description():
                self._lists.update(message)
                self._update_health()
            case Reported():
                self._reports.add(message)
            case Events():
                self._fill(message)
            case Event():
                self._happened(message)
            case Done():
                self._orders.done(message)
            case Stop():
                self._grace = message.grace

    def drain(self) -> None:
        self.cluster.shut_down(min(PATIENCE, self._grace / 2))
        if self._probed:
            self._probed.shut_down()

    async def close(self) -> None:
        await self._prober.close()
        for closer in reversed(self._closers):
            try:
                await closer()
            except Exception:
                log.exception("a part of the control process did not close; the others go on")
        if self._hooks:
            await asyncio.to_thread(self._hooks.stop)

    def _fill(self, message: Events) -> None:
        self._events.fill(message.events)
        for event in message.events:
            self._count(event)
        if self._hooks:
            for event in hooks_.untold(message.events, self._generation):
                self._hooks.tell(event)

    def _happened(self, event: Event) -> None:
        if self._events.add(event):
            self._count(event)
            if self._hooks and not self._has_successor():
                self._hooks.tell(event)

    def _has_successor(self) -> bool:
        """Whether there is a control process that tells what happens from now on."""
        return any(
            record.service == CONTROL
            and record.generation > self._generation
            and record.state is State.READY
            for record in self._lists.records
        )

    def _update_health(self) -> None:
        if not self._probed or not self._lists.records:
            return
        if self._answering is None:
            self._answering = asyncio.create_task(
                self._probed.start(self._lists.records, self._lists.seen)
            )
        else:
            self._probed.update(self._lists.records, self._lists.seen)
