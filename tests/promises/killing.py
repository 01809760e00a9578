"""kill -9, and which calls may fail of it."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Any, NamedTuple

from tests.promises.outcomes import OK, Outcome

# Seconds by which a gateway may learn of the death of a worker after the kernel has closed its
# connections: until then it has it for alive. The machine may be busy.
LEARNT = 0.25
# Seconds by which its calls may end after that.
ENDED = 2.0
# Seconds that the kernel may take to end a process.
DIES = 10.0


class Killed(NamedTuple):
    """
    Attributes:
        sent: When the signal was sent, by CLOCK_MONOTONIC.
        gone: When the process had ended, and its connections with it.
    """

    pid: int
    address: str
    sent: float
    gone: float

    @property
    def told(self) -> str:
        """What gateways call it in what they tell clients."""
        return told(self.address)


def told(address: str) -> str:
    """What gateways call a worker in what they tell clients: service, slot and generation."""
    return address.rpartition("/")[2].removesuffix(".sock")


def kill(worker: dict[str, Any]) -> Killed:
    """Kills it, and waits until it is gone (not until anybody has noticed)."""
    pid = int(worker["pid"])
    descriptor = os.pidfd_open(pid)
    try:
        sent = time.monotonic()
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        ended, _, _ = select.select([descriptor], [], [], DIES)
        assert ended, f"{pid} does not end"
        return Killed(pid, str(worker["address"]), sent, time.monotonic())
    finally:
        os.close(descriptor)


def lost_with(kills: list[Killed], each: Outcome) -> bool:
    """Whether it ended well, or was a call of a worker that was killed meanwhile, and says so."""
    if each.code == OK:
        return True
    if (each.code, each.reason) != ("UNAVAILABLE", "WORKER_LOST"):
        return False
    killed = next((kill for kill in kills if f" {kill.told} " in each.details), None)
    if killed is None or each.pid not in (0, killed.pid):
        return False
    return each.began <= killed.gone + LEARNT and killed.sent <= each.ended <= killed.gone + ENDED
