"""Starts programs on one thread of its own.

Not on the event loop: starting suspends its caller until the child's exec, which a slow file system
can draw out (python/cpython#104372). Not by the loop either: uvloop forks for every child, which
costs 115 ms from a 1 GiB process (MagicStack/uvloop#749), and Python 3.11's asyncio starts a
thread for each.

Guarantees:
* `subprocess.Popen` uses vfork here: no `preexec_fn`, `user` or `group`, which switch it off.
* One thread starts all children and lives as long as they do, so that a parent-death signal, which
  Linux ties to the starting thread (prctl(2), PR_SET_PDEATHSIG), can be asked for.
* A child that was started is handed over or killed; a waiter that went away loses none.
"""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to start. Descriptors stay the caller's.

    Attributes:
        argv: The program, and its arguments.
        pass_fds: Further descriptors that the child inherits, under the same numbers.
    """

    argv: Sequence[bytes]
    environment: Mapping[str, str]
    directory: str
    stdin: int
    stdout: int
    stderr: int
    pass_fds: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """A started child, leader of its own process group, with its pidfd. Owned by the receiver."""

    popen: subprocess.Popen[bytes]
    pidfd: int


_Order = tuple[Launch, asyncio.AbstractEventLoop, "asyncio.Future[Child]"]


class Spawner:
    """The thread that starts children. Close it when none is left."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        # A daemon, so that an exec that hangs cannot hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="tercet-spawn", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._orders.put(None)

    async def spawn(self, launch: Launch) -> Child:
        """Starts a child.

        Raises:
            OSError: It could not be started; `errno` tells why, as exec(2) does.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Child] = loop.create_future()
        self._orders.put((launch, loop, future))
        return await future

    def _run(self) -> None:
        # What this thread blocks, its children would too, across exec.
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        while (order := self._orders.get()) is not None:
            launch, loop, future = order
            result: Child | Exception
            try:
                result = start(launch)
            except Exception as error:  # Goes to the waiter; this thread must outlive it.
                result = error
            try:
                loop.call_soon_threadsafe(_deliver, future, result)
            except RuntimeError:  # The loop is closed.
                _discard(result)


def start(launch: Launch) -> Child:
    """Starts a child, from this thread."""
    popen = subprocess.Popen(
        launch.argv,
        stdin=launch.stdin,
        stdout=launch.stdout,
        stderr=launch.stderr,
        pass_fds=launch.pass_fds,
        close_fds=True,
        cwd=launch.directory,
        env=launch.environment,
        # Not a new session: the supervisor finds the children of a dead worker by its session.
        process_group=0,
        # Python ignores SIGPIPE; a program must not, or `yes | head` would never end.
        restore_signals=True,
    )
    try:
        return Child(popen, os.pidfd_open(popen.pid))
    except OSError:
        popen.kill()
        popen.wait()
        raise


def _deliver(future: asyncio.Future[Child], result: Child | Exception) -> None:
    if future.done():
        _discard(result)
    elif isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _discard(result: Child | Exception) -> None:
    if isinstance(result, Child):
        os.killpg(result.popen.pid, signal.SIGKILL)
        os.close(result.pidfd)
        result.popen.wait()
