"""What a worker tells the supervisor of itself, from its event loop: that it turns, and its counts.

A pulse goes out when it is due or, from a busy loop, late. While the supervisor reads nothing none
is kept for it: it will want to know how things are then, not how they were.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import msgspec

from tercet.cluster.link import Link
from tercet.cluster.messages import Pulse, Report
from tercet.rpc.base import Server

# Seconds.
REPORT_INTERVAL = 1.0

log = logging.getLogger("tercet")


class Vitals:
    """Lives on the loop of its server, from `start` to `stop`.

    Args:
        interval: Seconds from one pulse to the next.
    """

    def __init__(self, server: Server, link: Link, interval: float) -> None:
        self._server = server
        self._link = link
        self._interval = interval
        self._pool = PoolWait(server)
        self._lag = 0.0
        self._said: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """The first pulse and the first report go out at once."""
        self._tasks = [asyncio.create_task(self._pulses()), asyncio.create_task(self._reports())]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _pulses(self) -> None:
        while True:
            self._link.offer(self._pulse())
            # Not the loop's clock: uvloop's stands still while a callback runs.
            due = time.monotonic() + self._interval
            await asyncio.sleep(self._interval)
            self._lag = max(0.0, time.monotonic() - due)

    async def _reports(self) -> None:
        while True:
            try:
                self._link.offer(Report(self._report()))
            except Exception:
                self._complain("what this worker does cannot be told")
            await asyncio.sleep(REPORT_INTERVAL)

    def _pulse(self) -> Pulse:
        """Whatever is wrong with the figures, the loop turns, which is what a pulse says."""
        try:
            self._pool.look()
            return Pulse(
                calls=self._server.calls_begun,
                in_flight=self._server.calls_running,
                lag=self._lag,
                pool_wait=self._pool.seconds,
            )
        except Exception:
            self._complain("the figures of a pulse cannot be had")
            return Pulse(lag=self._lag)

    def _complain(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.exception("%s; this is a bug, and is said once", what)

    def _report(self) -> msgspec.Raw:
        of_loop = {"lag": self._lag, "pool_wait": self._pool.seconds}
        return encoded({**self._server.statistics(), "loop": of_loop})


class PoolWait:
    """How long work waits for a thread of a server's pool, found out with work that does nothing.

    At most one waits at a time; while it does, its time counts up.

    Attributes:
        seconds: -1 while there is no pool.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._queued = 0.0
        # Set on a thread of the pool.
        self._begun: float | None = 0.0
        self.seconds = -1.0

    def look(self) -> None:
        """To be called now and then, on the server's loop; brings `seconds` up to date."""
        now = time.monotonic()
        if self._begun is None:
            self.seconds = now - self._queued
            return
        if self._queued:
            self.seconds = self._begun - self._queued
        self._queued, self._begun = now, None
        if not self._server.queue_in_pool(self._taken_up):
            self._queued, self._begun = 0.0, 0.0
            self.seconds = -1.0

    def _taken_up(self) -> None:
        self._begun = time.monotonic()


def encoded(statistics: dict[str, Any]) -> msgspec.Raw:
    """Statistics as JSON, which has no tuples for keys: `calls` becomes {path: {code: count}}."""
    calls: dict[str, dict[int, int]] = {}
    for (path, code), count in statistics["calls"].items():
        calls.setdefault(path, {})[code] = count
    return msgspec.Raw(msgspec.json.encode({**statistics, "calls": calls}))
