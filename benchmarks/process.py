"""A program under test: born on its CPUs, waited for, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0


class NotReady(Exception):
    """A program under test ended, or was not ready in time."""


@contextmanager
def started(
    command: Sequence[str], *, cpus: set[int], ready: str, environ: Mapping[str, str] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Runs a command until it has printed a line that contains `ready`, and ends it by TERM.

    Args:
        cpus: Set before exec, by taskset(1), so that every thread and child has them too.
        environ: Added to the environment, in which no TERCET_* variable is set.

    Yields:
        Its pid, and the lines up to the one that was waited for.

    Raises:
        NotReady: It ended first, or took longer than START_TIMEOUT seconds.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
    process = subprocess.Popen(
        pinned(command, cpus),
        cwd=ROOT,
        env=inherited | dict(environ or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.pid, _lines_until(process, ready)
    finally:
        _end(process)


def pinned(command: Sequence[str], cpus: set[int]) -> list[str]:
    """The command as taskset(1) starts it; taskset becomes the command by exec."""
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cpus))), *command]


def _lines_until(process: subprocess.Popen[str], ready: str) -> list[str]:
    lines: list[str] = []
    watchdog = threading.Timer(START_TIMEOUT, process.kill)
    watchdog.start()
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            if ready in line:
                return lines
    finally:
        watchdog.cancel()
    raise NotReady(f"{process.args!r} did not say {ready!r}, but: {lines}")


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout:
            process.stdout.close()
