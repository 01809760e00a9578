"""A started program, until nothing of it is left.

Theory of operation. Two things end apart: the process exits, and its pipes close. Mostly they
coincide. Where a descendant still holds a pipe, waiting for its end could take for ever
(python/cpython#119710), so after `settle` seconds we read only what the pipe then holds. How fast
the caller reads plays no part: those bytes stay in the pipe until they are read.

The group is killed in any case before the process is reaped, so that what a program leaves behind
ends too, whether it holds a pipe or not. Descendants that made a session or group of their own
survive that; containing them needs more than a process group.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence

from tercet.executor.outcome import Ending, ended
from tercet.executor.pipes import Reader
from tercet.executor.process import Process
from tercet.executor.v1 import executor_pb2 as pb


class Execution:
    """A started program. Owns the process; `finish` must be awaited, once.

    Args:
        readers: The ends of its pipes that we read.
        grace: Seconds between SIGTERM and SIGKILL.
        settle: Seconds that a pipe may stay open after the exit.
    """

    def __init__(
        self, process: Process, readers: Sequence[Reader], *, grace: float, settle: float
    ) -> None:
        self.pid = process.pid
        self._process = process
        self._readers = readers
        self._grace = grace
        self._settle = settle
        self._began = time.monotonic()
        self._ending: Ending | None = None
        self._forced = False
        self._asked: set[int] = set()
        self._stopping: asyncio.Task[None] | None = None

    def signal(self, number: int) -> None:
        """Sends a signal that the caller asked for."""
        if not self._process.exited:
            self._asked.add(number)
            self._process.signal(number)

    def stop(self, ending: Ending) -> None:
        """Ends the program: SIGTERM, then SIGKILL. The first reason counts."""
        if self._ending is None and not self._process.exited:
            self._ending = ending
            self._stopping = asyncio.create_task(self._terminate())

    def kill(self, ending: Ending) -> None:
        """Ends the program at once."""
        if not self._process.exited:
            self._ending = self._ending or ending
            self._forced = True
            self._process.signal(signal.SIGKILL)

    async def finish(self) -> pb.Outcome:
        """Waits for the exit, ends what is left of the group, and reaps."""
        status = await self._process.wait()
        elapsed = time.monotonic() - self._began
        if self._stopping is not None:
            await self._stopping
        killed_descendants = not await self._hung_up()
        self._process.signal(signal.SIGKILL)
        for reader in self._readers:
            reader.abandon()
        self._process.reap()
        return ended(
            status,
            ending=self._ending,
            forced=self._forced,
            asked=self._asked,
            elapsed=elapsed,
            killed_descendants=killed_descendants,
        )

    async def _terminate(self) -> None:
        self._process.signal(signal.SIGTERM)
        # A stopped process acts on SIGTERM only once it continues; systemd sends this too.
        self._process.signal(signal.SIGCONT)
        if not await self._process.exits_within(self._grace):
            self._forced = True
            self._process.signal(signal.SIGKILL)

    async def _hung_up(self) -> bool:
        """Whether nobody holds the pipes any more, given a little time."""
        if not all(reader.hung_up for reader in self._readers):
            await asyncio.wait([reader.ended for reader in self._readers], timeout=self._settle)
        return all(reader.hung_up for reader in self._readers)
