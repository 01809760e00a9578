"""How a program's end is told: the one place where an `Outcome` is made."""

from __future__ import annotations

import os
import signal
from collections.abc import Container
from dataclasses import dataclass

from google.protobuf import duration_pb2

from tercet.executor.process import ExitStatus
from tercet.executor.v1 import executor_pb2 as pb


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """The service ended the program: it ran too long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """The service ended the program: it, or another of its pipeline, wrote too much."""

    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The service ended the program: nobody waits for it any more."""


Ending = TimeLimit | OutputLimit | Abandoned


def ended(
    status: ExitStatus,
    *,
    ending: Ending | None,
    forced: bool,
    asked: Container[int],
    elapsed: float,
    killed_descendants: bool,
) -> pb.Outcome:
    """The outcome of a program that was started.

    Args:
        ending: Why the service ended it, if it did. It then counts, however the program went.
        forced: Whether that took SIGKILL.
        asked: The signals that the caller has sent.
        elapsed: Seconds from start to end.
    """
    outcome = pb.Outcome(elapsed=duration(elapsed), killed_descendants=killed_descendants)
    match ending:
        case TimeLimit(seconds):
            outcome.timed_out.CopyFrom(pb.TimedOut(limit=duration(seconds), forced=forced))
            return outcome
        case OutputLimit(limit_bytes):
            outcome.output_limit.limit_bytes = limit_bytes
            return outcome
    if status.signal is None:
        outcome.exited.code = status.code or 0
    elif status.signal in asked or isinstance(ending, Abandoned):
        outcome.stopped.CopyFrom(pb.Stopped(signal=status.signal, name=name_of(status.signal)))
    else:
        outcome.signaled.CopyFrom(pb.Signaled(signal=status.signal, name=name_of(status.signal)))
    return outcome


def not_started(error: OSError) -> pb.Outcome:
    """The outcome of a program that could not be started."""
    number = error.errno or 0
    # Not the error's own text, which names paths of the server.
    failed = pb.SpawnFailed(errno=number, message=os.strerror(number))
    return pb.Outcome(spawn_failed=failed, elapsed=duration(0))


def succeeded(outcome: pb.Outcome) -> bool:
    return outcome.WhichOneof("result") == "exited" and outcome.exited.code == 0


def name_of(number: int) -> str:
    """The signal's name; real-time signals have none of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def duration(seconds: float) -> duration_pb2.Duration:
    made = duration_pb2.Duration()
    made.FromNanoseconds(round(seconds * 1e9))
    return made
