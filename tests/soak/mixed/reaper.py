"""Kills and stops the processes of a mesh at random."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from tests.integration.meshes import Mesh

# Seconds from one deed to the next, and for which a worker is stopped: also for longer than its
# health checks are patient.
SOONEST, LATEST = 0.4, 2.0
LONGEST_STOP = 4.0


class Reaper:
    """
    Attributes:
        lost: When gateways were killed, by time.monotonic().
        deeds: How often it did what.
    """

    def __init__(self, mesh: Mesh, rng: Random) -> None:
        self._mesh = mesh
        self._rng = rng
        # What is to be done at a time.
        self._agenda: list[tuple[float, Callable[[], None]]] = []
        self._stopped: set[int] = set()
        self.lost: list[float] = []
        self.deeds: Counter[str] = Counter()

    def harm(self, service: str, gateway: int, seconds: float) -> None:
        """Kills and stops workers for so long, and kills the gateway of that slot once.

        Raises:
            StopIteration: That gateway is not there.
        """
        now = time.monotonic()
        self._agenda = [(now + self._rng.uniform(0, seconds), lambda: self._kill_gateway(gateway))]
        moment = now
        while (moment := moment + self._rng.uniform(SOONEST, LATEST)) < now + seconds:
            self._agenda.append((moment, lambda: self._harm_worker(service)))
        try:
            while self._agenda:
                self._agenda.sort(key=lambda each: each[0])
                moment, deed = self._agenda.pop(0)
                time.sleep(max(0.0, moment - time.monotonic()))
                deed()
        finally:
            for pid in list(self._stopped):
                self._go_on(pid)

    def _harm_worker(self, service: str) -> None:
        victims = self._alive(service)
        if not victims:
            return
        victim = self._rng.choice(victims)["pid"]
        # A stopped one may be killed, too.
        if self._rng.random() < 0.5 or victim in self._stopped:
            self._send(victim, signal.SIGKILL)
        else:
            self._send(victim, signal.SIGSTOP)
            self._stopped.add(victim)
            until = time.monotonic() + self._rng.uniform(0, LONGEST_STOP)
            self._agenda.append((until, lambda: self._go_on(victim)))

    def _go_on(self, pid: int) -> None:
        self._stopped.discard(pid)
        self._send(pid, signal.SIGCONT)

    def _kill_gateway(self, slot: int) -> None:
        victim = next(each for each in self._alive("gateway") if each["slot"] == slot)
        self.lost.append(time.monotonic())
        self._send(victim["pid"], signal.SIGKILL)

    def _alive(self, service: str) -> list[dict[str, Any]]:
        return [each for each in self._mesh.workers(service) if each["state"] == "ready"]

    def _send(self, pid: int, number: signal.Signals) -> None:
        self.deeds[number.name] += 1
        # Who was stopped may have been killed since.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
