"""What runs now: how many programs, and the means to end them.

Guarantees:
* A run is a task of its own, which nobody cancels: when its caller goes away, it is told, and ends
  its programs in its own order. So no cancellation can lose a process between two awaits.
* Its programs count until it has reaped them, not until its caller has gone.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

from tercet.errors import ResourceExhausted, Unavailable

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Run(Protocol[T_co]):
    """Programs that run on behalf of one call."""

    async def run(self) -> T_co: ...

    def abandon(self, *, at_once: bool) -> None:
        """Ends the programs: nobody waits for them. `run` then returns soon.

        Args:
            at_once: By SIGKILL; else by SIGTERM first.
        """
        ...


class Running:
    """All runs of a service.

    Args:
        limit: Most programs at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._programs = 0
        self._runs: dict[asyncio.Task[object], Run[object]] = {}
        self._closed = False

    @property
    def programs(self) -> int:
        return self._programs

    def check(self, programs: int) -> None:
        """Whether so many more may run.

        Raises:
            ResourceExhausted: Not now.
            Unavailable: The service ends.
        """
        if self._closed:
            raise Unavailable("the executor is shutting down", hint="try again")
        if self._programs + programs > self._limit:
            raise ResourceExhausted(
                f"{self._programs} programs are running and the limit is {self._limit}",
                hint="try again when some have ended, or raise `max_programs`",
                reason="TOO_MANY_PROGRAMS",
                # Most programs are short; a queue would be served in about this time.
                retry_after=0.5,
            )

    async def guard(self, run: Run[T], programs: int) -> T:
        """Runs it to its end; abandons it if the caller goes away."""
        task = asyncio.create_task(run.run())
        self._programs += programs
        self._runs[task] = run

        def forget(_: asyncio.Task[T]) -> None:
            self._programs -= programs
            del self._runs[task]
            # Nobody may be left to look at it.
            if not task.cancelled():
                task.exception()

        task.add_done_callback(forget)
        try:
            # Not shield(): it logs an error that comes after the caller has gone.
            await asyncio.wait([task])
        except asyncio.CancelledError:
            run.abandon(at_once=False)
            raise
        return task.result()

    async def close(self, patience: float) -> None:
        """Ends all programs and reaps them.

        Args:
            patience: Seconds until SIGKILL, and as many again until we leave them to the kernel.
        """
        self._closed = True
        for at_once in (False, True):
            if self._runs:
                for run in self._runs.values():
                    run.abandon(at_once=at_once)
                await asyncio.wait(list(self._runs), timeout=patience)
