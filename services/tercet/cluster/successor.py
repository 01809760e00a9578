"""The process that is to follow this supervisor: `tercet up` once more, on the same sockets.

A fresh interpreter runs the command again, so that it has the new code and the new configuration,
and becomes a supervisor by exec. It inherits a link to this one and the listening sockets; the
variable TERCET_TAKEOVER says which is which. It is in our session, not in one of its own: Ctrl-C in
the terminal must reach it after we are gone. It also keeps our standard streams.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tercet.cluster.handed import Handed
from tercet.cluster.link import Link
from tercet.cluster.messages import Failed, HandedOver, Message, Ready, Stop
from tercet.cluster.process import describe_exit, waited_for
from tercet.cluster.spec import FILE_VARIABLE, OriginSpec
from tercet.cluster.takeover import VARIABLE, HandedDescriptor, TakeoverSpec
from tercet.cluster.upgrade import Act, Phase, Upgrade

COMMAND = ("-P", "-m", "tercet.cli")
# What it needs beyond its grace to stop, before it is killed.
MARGIN = 5.0
# Seconds from the end of its link until it is killed. A process that exits closes it a moment
# before it is gone, and how it has ended is of interest.
LAST_MOMENT = 1.0


class UpgradeFailed(Exception):
    """The successor is gone, and this mesh goes on; or is still on its way out if it stops."""


class Successor:
    """Runs on the supervisor's loop.

    Args:
        origin: The command, and where it is run.
        given: The sockets; they stay ours too.
        environ: Its environment.
        pid_file: Path of ours; "" for none.
        timeout: Seconds until it must be ready.
        scaled: See `TakeoverSpec`.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        origin: OriginSpec,
        given: Sequence[Handed],
        *,
        environ: Mapping[str, str],
        pid_file: str,
        timeout: float,
        scaled: Mapping[str, tuple[int, int]] = {},
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._scaled = dict(scaled)
        self._upgrade = Upgrade()
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._popen = self._started(theirs, origin, given, environ, pid_file, command)
                self.pid = self._popen.pid
                self._pidfd = self._watched()
            except OSError:
                ours.close()
                raise
        self._link = Link(ours, on_message=self._heard, on_close=self._unlinked)
        self._later(timeout, lambda: self._act(self._upgrade.late(timeout)))

    async def ready(self) -> None:
        """Waits until it serves.

        Raises:
            UpgradeFailed: It never will: it is gone.
        """
        while not self.is_ready:
            if self._upgrade.phase is Phase.FAILED:
                raise UpgradeFailed(self._upgrade.cause)
            await self._changed.wait()
            self._changed.clear()

    @property
    def is_ready(self) -> bool:
        """Whether it may be handed the mesh."""
        return self._upgrade.phase is Phase.READY

    def hand_over(self) -> None:
        """Gives it the mesh."""
        if self._upgrade.hand_over():
            for timer in self._timers:
                timer.cancel()
            self._link.send(HandedOver())

    async def stop(self, grace: float) -> None:
        """Ends it in order, unless the mesh is its own by now; returns when it is gone.

        Args:
            grace: Seconds for the calls that it has.
        """
        act = self._upgrade.stop()
        if act is Act.STOP:
            self._link.send(Stop(grace))
            self._later(grace + MARGIN, self.kill)
        if self._upgrade.phase is Phase.ENDING:
            await self._gone.wait()

    def kill(self) -> None:
        """Ends it at once, unless the mesh is its own: its workers notice."""
        if self._pidfd >= 0 and self._upgrade.phase is not Phase.HANDED_OVER:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _started(
        self,
        end: socket.socket,
        origin: OriginSpec,
        given: Sequence[Handed],
        environ: Mapping[str, str],
        pid_file: str,
        command: Sequence[str],
    ) -> subprocess.Popen[bytes]:
        sockets = [HandedDescriptor(one.name, one.socket.fileno()) for one in given]
        spec = TakeoverSpec(
            link=end.fileno(), sockets=sockets, pid_file=pid_file, scaled=self._scaled
        )
        return subprocess.Popen(
            [sys.executable, *command, *origin.arguments],
            cwd=origin.directory,
            pass_fds=[end.fileno(), *(one.fd for one in sockets)],
            env={
                **environ,
                VARIABLE: msgspec.json.encode(spec).decode(),
                FILE_VARIABLE: origin.file,
            },
        )

    def _watched(self) -> int:
        try:
            pidfd = os.pidfd_open(self.pid)
        except OSError:
            self._popen.kill()
            self._popen.wait()
            raise
        waited_for.add(self.pid)
        self._loop.add_reader(pidfd, self._exited)
        return pidfd

    def _later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, callback))

    def _heard(self, message: Message) -> None:
        if isinstance(message, Ready):
            self._act(self._upgrade.ready())
        elif isinstance(message, Failed):
            self._act(self._upgrade.failed(message.cause))

    def _unlinked(self) -> None:
        if self._upgrade.unlinked() is Act.KILL:
            self._later(LAST_MOMENT, self.kill)
        self._changed.set()

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        code = self._popen.wait()
        waited_for.discard(self.pid)
        # What it said last may not have been read yet, such as why it failed.
        self._link.drain()
        self._link.close()
        for timer in self._timers:
            timer.cancel()
        self._act(self._upgrade.exited(describe_exit(code)))
        self._gone.set()

    def _act(self, act: Act) -> None:
        if act is Act.KILL:
            self.kill()
        self._changed.set()
