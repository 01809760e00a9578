"""Tells systemd how the mesh is, by the protocol of sd_notify(3); without systemd it says nothing.

The protocol is a datagram of "NAME=value" lines to the socket that NOTIFY_SOCKET names. With
WATCHDOG_USEC in the environment (sd_watchdog_enabled(3)) systemd kills a service that has not said
WATCHDOG=1 for so long: the supervisor says it twice as often, from its loop, so a loop that hangs
is silent.

The variables are taken out of the environment: workers, and programs that they start, must not
speak for the mesh. During a binary upgrade two supervisors run, and systemd listens to its main
process alone: the old one names the new one (`hand_over`) and is silent from then on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import MutableMapping

log = logging.getLogger("tercet")

SOCKET = "NOTIFY_SOCKET"
INTERVAL = "WATCHDOG_USEC"
WATCHED = "WATCHDOG_PID"


class Notifier:
    """Owned by the supervisor's loop; never waits, and never fails.

    Args:
        environ: Where the variables are, and are taken from.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._address = environ.pop(SOCKET, "")
        interval = environ.pop(INTERVAL, "")
        watched = environ.pop(WATCHED, "")
        self._interval = interval if interval.isdigit() and int(interval) > 0 else ""
        # Set for one process: a program that has inherited it is not meant.
        self._is_watched = not watched or watched == str(os.getpid())
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_ready = False
        if self._address and self._address[0] not in "/@":
            # Of a virtual machine's host (vsock:) it is not ours to speak.
            log.warning("%s is %r, which is no UNIX socket: it is not used", SOCKET, self._address)
            self._address = ""

    @property
    def enabled(self) -> bool:
        return bool(self._address)

    @property
    def watchdog(self) -> float:
        """Seconds from one sign of life to the next; 0 if nobody waits for them."""
        if not self.enabled or not self._is_watched or not self._interval:
            return 0.0
        return int(self._interval) / 1e6 / 2

    def variables(self) -> dict[str, str]:
        """What a supervisor that is to follow us needs in its environment."""
        if not self.enabled:
            return {}
        # Without WATCHED, which names us: it means whoever is the main process.
        interval = {INTERVAL: self._interval} if self._interval and self._is_watched else {}
        return {SOCKET: self._address, **interval}

    def ready(self, status: str) -> None:
        """The mesh serves."""
        self._is_ready = True
        self._send(READY="1", STATUS=status)
        if not self._timer:
            self._sign_of_life()

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(STATUS=text)

    def reloading(self, status: str) -> None:
        """A reload has begun, unless the start is still under way."""
        if self._is_ready:
            self._send(RELOADING="1", MONOTONIC_USEC=str(_monotonic_usec()), STATUS=status)

    def reloaded(self, status: str) -> None:
        """A reload has ended, well or not."""
        if self._is_ready:
            self._send(READY="1", STATUS=status)

    def extend(self, seconds: float) -> None:
        """The start or stop that is under way takes longer than systemd may expect."""
        self._send(EXTEND_TIMEOUT_USEC=str(int(seconds * 1e6)))

    def stopping(self, status: str) -> None:
        """The mesh ends. Its loop still lives, so signs of life go on."""
        self._send(STOPPING="1", STATUS=status)

    def hand_over(self, pid: int) -> None:
        """From now on the process with that pid is the main one, and this one says nothing more."""
        # By whoever is the main process until then: nobody else is believed.
        self._send(MAINPID=str(pid))
        self.close()

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._socket:
            self._socket.close()
            self._socket = None
        self._address = ""

    def _sign_of_life(self) -> None:
        if self.watchdog:
            self._send(WATCHDOG="1")
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.watchdog, self._sign_of_life)

    def _send(self, **fields: str) -> None:
        if not self._address:
            return
        # A line ends a field.
        lines = [f"{name}={' '.join(value.splitlines())}" for name, value in fields.items()]
        address = self._address
        if address[0] == "@":
            # An abstract socket has no file.
            address = "\0" + address[1:]
        try:
            if not self._socket:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            self._socket.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("cannot tell systemd %s: %s", lines[0], error.strerror)


def _monotonic_usec() -> int:
    # CLOCK_MONOTONIC, as systemd reads it.
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
