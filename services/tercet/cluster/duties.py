"""What a supervisor owes to whoever runs it: its name in a file, word to systemd, no zombies.

Taken on before anything else, since a second start with the same pid file is refused by it, and
since the variables that say so are for this process alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, MutableMapping
from pathlib import Path

from tercet.cluster.activation import activated
from tercet.cluster.handed import HandedSockets
from tercet.cluster.notify import Notifier
from tercet.cluster.pid_file import PidFile
from tercet.cluster.process import is_ours
from tercet.cluster.reaping import Reaper
from tercet.cluster.takeover import Takeover
from tercet.errors import ConfigError

log = logging.getLogger("tercet")


class Duties:
    """From before there is a loop to the end of the process.

    Args:
        pid_file: Path of it, or "" for none.
        environ: What the process was started with; what was meant for it alone is taken away.

    Attributes:
        handed: Sockets that it was given.
        takeover: Of the supervisor before it, if there is one.
        is_in_charge: Whether the mesh serves and is this supervisor's.

    Raises:
        ConfigError: The pid file cannot be had, or what was handed over is not there.
    """

    def __init__(self, pid_file: str, environ: MutableMapping[str, str]) -> None:
        self.notifier = Notifier(environ)
        self.takeover = Takeover.received(environ)
        given = activated(environ)
        self.handed = HandedSockets(self.takeover.given if self.takeover else given)
        self.pid_file = str(Path(pid_file).absolute()) if pid_file else ""
        self.is_in_charge = False
        self._held: PidFile | None = None
        self._reaper = Reaper(is_ours)
        if self.pid_file and not self._takes_pid_file_over():
            try:
                self._held = PidFile(Path(self.pid_file))
            except BaseException as error:
                self.failed(str(error))
                raise

    def begin(self, stop: Callable[[float], None]) -> None:
        """Starts those that need the loop.

        Args:
            stop: Called if the supervisor before this one is told to stop.
        """
        self._reaper.start()
        if self.takeover:
            self.takeover.begin(stop)

    async def ready(self, status: str) -> None:
        """The whole mesh serves: returns when it is the one that is meant by everybody."""
        if self.takeover:
            await self.takeover.ready()
            if self._takes_pid_file_over():
                try:
                    self._held = PidFile(Path(self.pid_file), successor=True)
                except ConfigError as error:
                    # There is no way back, and a mesh without one serves as well.
                    log.error("%s", error)
        self.is_in_charge = True
        self.notifier.ready(status)

    def wanted(self, service: str, workers: int) -> int:
        """Workers that a service is to have, where the configuration says so many.

        What an operator gave it holds until the configuration says another number than then.
        """
        scaled = self.takeover.scaled if self.takeover else {}
        configured, given = scaled.get(service, (workers, workers))
        return given if configured == workers else workers

    def failed(self, cause: str) -> None:
        """This process is about to end, and never was ready."""
        if self.takeover:
            self.takeover.failed(cause)

    def for_successor(self) -> dict[str, str]:
        """The environment of a supervisor after this one."""
        return {**os.environ, **self.notifier.variables()}

    def hand_over(self, pid: int) -> None:
        """Whoever asks for this supervisor is to be sent to that one."""
        self.is_in_charge = False
        self.notifier.hand_over(pid)

    def close(self) -> None:
        if self._held:
            self._held.close()
        if self.takeover:
            self.takeover.close()
        self.notifier.close()

    def _takes_pid_file_over(self) -> bool:
        return self.takeover is not None and self.takeover.pid_file == self.pid_file != ""
