"""One child process of the supervisor: exec'd, watched by pidfd, ended as a whole session.

Exec'd and never forked from the supervisor: a fork of a process that has threads or live gRPC
objects is not safe, and plain `Popen` (no preexec_fn, user or group) is a vfork. A pidfd instead of
asyncio's child watchers: on Python 3.11 those start a thread per child, and the supervisor has only
one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LINK_VARIABLE = "TERCET_LINK_FD"
WORKER_MODULE = "tercet.cluster.worker"

# Pids of the children that somebody here waits for: nobody else may reap them.
waited_for: set[int] = set()
# Who may be about to learn the pid of a child that it is to wait for.
claimants: set[Callable[[int], bool]] = set()


def is_ours(pid: int) -> bool:
    """Whether somebody here waits for that child, or may come to."""
    return pid in waited_for or any(claims(pid) for claims in claimants)


class Watched:
    """A child of this process, by its pidfd, until it is reaped.

    Args:
        on_exit: See `Child`.
    """

    def __init__(self, on_exit: Callable[[int], None]) -> None:
        self.pid = 0
        self.born = time.monotonic()
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._pidfd = -1

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.born

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the worker itself; one that is gone is left in peace."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def _watch(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)
        waited_for.add(pid)
        self._loop.add_reader(self._pidfd, self._exited)

    def _reap(self) -> int:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            # Somebody else here has reaped it, and how it ended is lost.
            return os.EX_SOFTWARE

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        # Whoever has not heard yet that it is gone must not signal what is opened next.
        self._pidfd = -1
        # Before it is reaped: until then its pid, which is the session's id, cannot be given to
        # a stranger.
        end_session(self.pid)
        code = self._reap()
        waited_for.discard(self.pid)
        self._on_exit(code)


class Child(Watched):
    """A worker process from exec to reaping.

    Args:
        end: The child's end of its link; it inherits this, its stdout and stderr, and what
            `descriptors` names, nothing else.
        name: Shown by ps(1); the worker itself does not read it.
        on_exit: Called once with the wait status, as `os.waitstatus_to_exitcode` gives it
            (negative: killed by that signal), after the whole session has been ended.
        descriptors: Further ones that it inherits, under the same numbers.
        module: What it runs.

    Raises:
        OSError: There is no process, descriptor or memory to be had for it now.
    """

    def __init__(
        self,
        end: socket.socket,
        *,
        name: str,
        on_exit: Callable[[int], None],
        descriptors: Sequence[int] = (),
        module: str = WORKER_MODULE,
    ) -> None:
        super().__init__(on_exit)
        self._popen = subprocess.Popen(
            # -P: what lies in the current directory must not shadow the standard library.
            [sys.executable, "-P", "-m", module, name],
            stdin=subprocess.DEVNULL,
            pass_fds=[end.fileno(), *descriptors],
            # Its own session: Ctrl-C reaches the supervisor alone, which decides; and whatever
            # the worker leaves behind can be found by its session id.
            start_new_session=True,
            env={
                **os.environ,
                LINK_VARIABLE: str(end.fileno()),
                "GRPC_ENABLE_FORK_SUPPORT": "0",
                # C-core notes each connection that a peer closes; that is no news here.
                "GRPC_VERBOSITY": os.environ.get("GRPC_VERBOSITY", "ERROR"),
            },
        )
        try:
            self._watch(self._popen.pid)
        except OSError:
            self._popen.kill()
            self._popen.wait()
            raise

    def _reap(self) -> int:
        return self._popen.wait()


def end_session(session: int) -> None:
    """Kills every other process of a session, such as programs that a worker had started."""
    for pid in _members(session):
        if pid != session:
            # Not permitted: a program that has changed its user, such as sudo; it stays.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _members(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(pid) == session:
                    found.append(pid)
    return found


def describe_exit(code: int) -> str:
    """ "exited with 3", or "killed by SIGKILL" for a negative code."""
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
