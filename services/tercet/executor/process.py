"""One child process: its exit, its signals, its reaping.

Theory of operation. The states are running → exited → reaped. Exit is told by the pidfd, readable
when the child has ended (pidfd_open(2)), and looked at without reaping. The child stays a zombie
until `reap`, so that its pid, which is its group's too, cannot be taken by another process:
a signal sent before `reap` can hit no stranger.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass

from tercet.executor.spawn import Child


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: `code` is set, or `signal`."""

    code: int | None
    signal: int | None


class Process:
    """A child, and the process group that it leads. Owns both; call `reap` in the end.

    All methods belong to the loop's thread.
    """

    def __init__(self, child: Child) -> None:
        self.pid = child.popen.pid
        self._popen = child.popen
        self._pidfd = child.pidfd
        self._loop = asyncio.get_running_loop()
        self._exit: asyncio.Future[ExitStatus] = self._loop.create_future()
        self._reaped = False
        self._loop.add_reader(self._pidfd, self._on_exit)

    @property
    def exited(self) -> bool:
        return self._exit.done()

    async def wait(self) -> ExitStatus:
        """Waits until the process has ended; its descendants may live on."""
        return await asyncio.shield(self._exit)

    async def exits_within(self, seconds: float) -> bool:
        await asyncio.wait([self._exit], timeout=seconds)
        return self.exited

    def signal(self, number: int) -> None:
        """Sends a signal to the whole group; nothing happens once it is reaped."""
        if self._reaped:
            return
        # kill(2): group 0 is the caller's own, and -1 would be everybody.
        if self.pid <= 1 or self.pid == os.getpgrp():
            raise AssertionError(f"{self.pid} is not the group of a child")
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            # The child has moved to another group.
            signal.pidfd_send_signal(self._pidfd, number)
        except PermissionError:
            # The whole group runs as another user now (a setuid program): it may not be signalled.
            return

    def reap(self) -> None:
        """Removes the zombie. Only after the exit."""
        if self._reaped:
            return
        self._popen.wait()
        os.close(self._pidfd)
        self._reaped = True

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        found = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
        if found is None:
            raise AssertionError("the pidfd is readable, but its process runs")
        if found.si_code == os.CLD_EXITED:
            self._exit.set_result(ExitStatus(found.si_status, None))
        else:  # CLD_KILLED, CLD_DUMPED
            self._exit.set_result(ExitStatus(None, found.si_status))
