"""Reaps what others leave to this process.

Whoever loses its parent becomes a child of PID 1, which the supervisor is in a container, or of the
nearest subreaper (prctl(2), PR_SET_CHILD_SUBREAPER). Nobody else can take these from the process
table once they have ended. How they ended is nobody's business here. Our own children are left
alone: whoever started one waits for it by pidfd, and must learn its status.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

# Seconds until another look, where the kernel shows a child of ours, and so hides the others: it
# shows one at a time. Its owner takes ours away, in this turn of the loop or the next.
AGAIN = 0.05


class Reaper:
    """Runs on the supervisor's loop, from `start` to `close`.

    Args:
        is_ours: Whether somebody here waits for the child with that pid.
    """

    def __init__(self, is_ours: Callable[[int], bool]) -> None:
        self._is_ours = is_ours
        self._again: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Reaps what is there, and from now on whatever ends."""
        # Not only as PID 1: what a shell had in the background is ours too when the shell has
        # become this process by exec.
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.reap)
        self.reap()

    def close(self) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
        self._forget()

    def reap(self) -> None:
        """Reaps every foreign child that has ended; does not wait for any."""
        self._forget()
        while (pid := _ended()) is not None:
            if self._is_ours(pid):
                loop = asyncio.get_running_loop()
                self._again = loop.call_later(AGAIN, self.reap)
                return
            os.waitpid(pid, os.WNOHANG)

    def _forget(self) -> None:
        if self._again:
            self._again.cancel()
            self._again = None


def _ended() -> int | None:
    """The pid of a child that has ended; it stays as it is."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None  # There are no children.
    return found.si_pid if found else None
