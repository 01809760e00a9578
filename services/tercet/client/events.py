"""What a spawned program says while it runs."""

from __future__ import annotations

import dataclasses

from tercet.client.outcome import Outcome, from_outcome
from tercet.executor.v1 import executor_pb2


@dataclasses.dataclass(frozen=True, slots=True)
class Stdout:
    """Bytes of its output."""

    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Stderr:
    """Bytes of its error output."""

    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come.

    Attributes:
        fraction: Share of the work done, 0 to 1; None while the total is unknown.
        position: Media time written so far, in seconds.
        duration: Media time in all, in seconds; None while unknown.
        frames: Frames written so far.
        speed: Media seconds per wall second; 0 while unknown.
    """

    fraction: float | None
    position: float
    duration: float | None
    frames: int
    speed: float


# An `Outcome` is the last one, after all output.
Event = Stdout | Stderr | Progress | Outcome


def from_response(response: executor_pb2.SpawnResponse) -> Event | None:
    """The event of a message; None for one newer than this client."""
    match response.WhichOneof("event"):
        case "stdout":
            return Stdout(response.stdout)
        case "stderr":
            return Stderr(response.stderr)
        case "progress":
            return _progress(response.progress)
        case "exited":
            return from_outcome(response.exited)
        case _:
            return None


def _progress(progress: executor_pb2.Progress) -> Progress:
    has_duration = progress.HasField("duration")
    return Progress(
        fraction=progress.fraction if progress.HasField("fraction") else None,
        position=progress.position.ToNanoseconds() / 1e9,
        duration=progress.duration.ToNanoseconds() / 1e9 if has_duration else None,
        frames=progress.frames,
        speed=progress.speed,
    )
