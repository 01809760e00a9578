"""A binary upgrade as the supervisor that is to go sees it. Without any IO.

    WAITING ──ready──▶ READY ──hand_over──▶ HANDED_OVER
       │                 │
       │ late, unlinked, │ stop, unlinked
       │ stop            ▼
       ├──────────────▶ ENDING
       │ exited          │ exited
       ▼                 ▼
     FAILED ◀────────────┘

The successor is a whole mesh on the same listening sockets: started, ready, and only then is it
given what there is one of (pid file, systemd's attention). Until HANDED_OVER the old mesh serves as
if nothing had happened, and whatever goes wrong ends the new one alone; after it there is no way
back, and the old one stops.
"""

from __future__ import annotations

from enum import StrEnum

from tercet.cluster.spec import OriginSpec


class Phase(StrEnum):
    # The successor starts.
    WAITING = "waiting"
    # It serves.
    READY = "ready"
    # The mesh is its own.
    HANDED_OVER = "handed over"
    # It has been told to end, or is killed; its exit is waited for.
    ENDING = "ending"
    # It is gone.
    FAILED = "failed"


class Act(StrEnum):
    """What is to be done to the successor."""

    NOTHING = ""
    STOP = "stop"
    KILL = "kill"


class Upgrade:
    """One attempt.

    Attributes:
        phase: Where it stands.
        cause: Why it has failed, or is going to.
    """

    def __init__(self) -> None:
        self.phase = Phase.WAITING
        self.cause = ""

    def ready(self) -> Act:
        """The successor says that it serves."""
        # One that is on its way out may have become ready too late.
        if self.phase is Phase.WAITING:
            self.phase = Phase.READY
        return Act.NOTHING

    def failed(self, cause: str) -> Act:
        """The successor says why it is about to end."""
        self.cause = self.cause or cause
        return Act.NOTHING

    def hand_over(self) -> bool:
        """The old supervisor gives up the mesh; whether it may."""
        if self.phase is not Phase.READY:
            return False
        self.phase = Phase.HANDED_OVER
        return True

    def late(self, seconds: float) -> Act:
        """It has had so long to become ready."""
        if self.phase is not Phase.WAITING:
            return Act.NOTHING
        return self._end(f"it was not ready after {seconds:g} s", Act.KILL)

    def unlinked(self) -> Act:
        """The link has closed: it can neither be heard nor told anything."""
        # The cause is how it ends: most likely it has.
        return self._end("", Act.KILL)

    def stop(self) -> Act:
        """The old supervisor is told to stop: both are meant."""
        return self._end("the mesh stops", Act.STOP)

    def exited(self, how: str) -> Act:
        """It is gone.

        Args:
            how: Such as "exited with 78".
        """
        if self.phase is not Phase.HANDED_OVER:
            self.phase = Phase.FAILED
            self.cause = self.cause or f"the new supervisor {how}"
        return Act.NOTHING

    def _end(self, cause: str, act: Act) -> Act:
        if self.phase not in (Phase.WAITING, Phase.READY):
            return Act.NOTHING
        self.phase = Phase.ENDING
        self.cause = self.cause or cause
        return act


def refusal(*, pid: int, origin: OriginSpec | None) -> str:
    """Why there can be no binary upgrade here; "" if there can.

    Args:
        pid: Of this supervisor.
        origin: The command that a successor would be started by.
    """
    if pid == 1:
        # The kernel kills everything else in the pid namespace when this process ends.
        return "this supervisor is PID 1, and all processes end with it: start a new container"
    if origin is None:
        return "it is not known by which command this mesh was started"
    return ""
