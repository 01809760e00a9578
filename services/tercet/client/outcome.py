"""How programs ended: values, not exceptions."""

from __future__ import annotations

import dataclasses
import errno
import signal
from typing import Literal, cast

from tercet.client.errors import ProgramFailed
from tercet.executor.v1 import executor_pb2

Kind = Literal[
    "exited", "signaled", "timed_out", "output_limit", "spawn_failed", "stopped", "unknown"
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one program ended.

    Attributes:
        kind: Which of the contract's results it is; "unknown" for one newer than this client.
        elapsed: Wall time in seconds.
        killed_descendants: Descendants still held its output when it ended, and were killed.
        code: Exit code ("exited").
        signal: Number of the signal ("signaled", "stopped").
        signal_name: Its name, such as "SIGSEGV".
        limit: The limit reached: seconds ("timed_out") or bytes ("output_limit").
        forced: SIGTERM was not enough ("timed_out").
        errno: Why it could not be started ("spawn_failed").
        message: Text of `errno`.
    """

    kind: Kind
    elapsed: float
    killed_descendants: bool = False
    code: int | None = None
    signal: int | None = None
    signal_name: str = ""
    limit: float | None = None
    forced: bool = False
    errno: int | None = None
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.kind == "exited" and self.code == 0

    @property
    def exit_code(self) -> int:
        """What a shell would report.

        128 + n for signal n; 124 for a timeout, as timeout(1); 153 for too much output, as for
        SIGXFSZ under `ulimit -f`; 127 for a program that is not there and 126 for one that cannot
        be started (POSIX, Shell Command Language 2.8.2).
        """
        match self.kind:
            case "exited":
                return self.code or 0
            case "signaled" | "stopped":
                return 128 + (self.signal or 0)
            case "timed_out":
                return 124
            case "output_limit":
                return 128 + signal.SIGXFSZ
            case "spawn_failed":
                return 127 if self.errno == errno.ENOENT else 126
        return 1

    def describe(self) -> str:
        """What happened, as the end of a sentence that begins with the program's name."""
        match self.kind:
            case "exited":
                return f"exited with code {self.code}"
            case "signaled":
                return f"was killed by {self.signal_name or f'signal {self.signal}'}"
            case "stopped":
                return f"was stopped by {self.signal_name or f'signal {self.signal}'}, as asked"
            case "timed_out":
                by = " with SIGKILL" if self.forced else ""
                return f"ran longer than {self.limit:g} s and was killed{by}"
            case "output_limit":
                return f"wrote more than {self.limit or 0:.0f} bytes and was killed"
            case "spawn_failed":
                return f"could not be started: {self.message or f'errno {self.errno}'}"
        return "ended in a way that this client does not know"


@dataclasses.dataclass(frozen=True, slots=True)
class StageResult:
    """One program of a pipeline.

    Attributes:
        stderr: The tail of its error output.
        stderr_dropped: Bytes of error output that came before the tail and were dropped.
    """

    program: str
    outcome: Outcome
    stderr: bytes
    stderr_dropped: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Completed:
    """All programs of a call, which have all ended.

    Attributes:
        stdout: Output of the last one.
        stages: In the order of the request; one for a single program.
    """

    stdout: bytes
    stages: tuple[StageResult, ...]

    @property
    def outcome(self) -> Outcome:
        """That of the last program."""
        return self.stages[-1].outcome

    @property
    def stderr(self) -> bytes:
        """Error output of all programs, first to last; of each its tail."""
        return b"".join(stage.stderr for stage in self.stages)

    @property
    def failed(self) -> StageResult | None:
        """The last program that failed, as bash's `pipefail` picks it.

        SIGPIPE in an early stage is none: a later one had read enough.
        """
        for stage in reversed(self.stages):
            outcome, last = stage.outcome, stage is self.stages[-1]
            cut_off = outcome.kind == "signaled" and outcome.signal == signal.SIGPIPE
            if not outcome.ok and (last or not cut_off):
                return stage
        return None

    @property
    def ok(self) -> bool:
        return self.failed is None

    @property
    def exit_code(self) -> int:
        """What a shell with `pipefail` would report."""
        return 0 if self.failed is None else self.failed.outcome.exit_code

    def check(self) -> None:
        """Raises `ProgramFailed` unless `ok`."""
        if not self.ok:
            raise ProgramFailed(self)


def from_outcome(outcome: executor_pb2.Outcome) -> Outcome:
    kind = outcome.WhichOneof("result")
    elapsed = outcome.elapsed.ToNanoseconds() / 1e9
    limit: float | None = None
    if kind == "timed_out":
        limit = outcome.timed_out.limit.ToNanoseconds() / 1e9
    elif kind == "output_limit":
        limit = outcome.output_limit.limit_bytes
    ended = outcome.stopped if kind == "stopped" else outcome.signaled
    by_signal = kind in ("signaled", "stopped")
    return Outcome(
        kind=cast("Kind", kind or "unknown"),
        elapsed=elapsed,
        killed_descendants=outcome.killed_descendants,
        code=outcome.exited.code if kind == "exited" else None,
        signal=ended.signal if by_signal else None,
        signal_name=ended.name if by_signal else "",
        limit=limit,
        forced=outcome.timed_out.forced,
        errno=outcome.spawn_failed.errno if kind == "spawn_failed" else None,
        message=outcome.spawn_failed.message,
    )


def from_response(response: executor_pb2.RunResponse) -> Completed:
    stages = tuple(
        StageResult(
            stage.program,
            from_outcome(stage.outcome),
            stage.stderr,
            stage.stderr_dropped_bytes,
        )
        for stage in response.stages
    )
    return Completed(response.stdout, stages)
