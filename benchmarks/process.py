"""A program under test: born on its CPUs, waited for, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from benchmarks import connections, ports

ROOT = Path(__file__).parents[1]
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
PROC = Path("/proc")


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
    with _born(command, cpus, subprocess.PIPE, None, environ or {}) as process:
        yield process.pid, _lines_until(process, ready)


@contextmanager
def listening(command: Sequence[str], *, cpus: set[int], port: int) -> Iterator[int]:
    """Runs a command that does not say when it is ready, until it speaks HTTP/2 on a port of
    loopback, and ends it by TERM.

    Args:
        cpus: As of `started`.

    Yields:
        Its pid; children that serve have been started.

    Raises:
        NotReady: It ended first, or took longer than START_TIMEOUT seconds.
    """
    with running(command, cpus=cpus) as (process, said):
        if not ports.wait_for(port, START_TIMEOUT, lambda: process.poll() is None):
            said.seek(0)
            raise NotReady(f"{process.args!r} does not listen, but said: {said.read()}")
        # Whoever listens may yet have to start the process that serves.
        with connections.idle(f"{ports.HOST}:{port}", 1):
            yield process.pid


@contextmanager
def running(
    command: Sequence[str], *, cpus: set[int], environ: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], TextIO]]:
    """Runs a command, and ends it by TERM.

    Args:
        cpus, environ: As of `started`.

    Yields:
        The process, at once; and a file of what it has said.
    """
    with (
        tempfile.TemporaryFile("w+") as said,
        _born(command, cpus, said.fileno(), subprocess.STDOUT, environ or {}) as process,
    ):
        yield process, said


@contextmanager
def _born(
    command: Sequence[str],
    cpus: set[int],
    stdout: int,
    stderr: int | None,
    environ: Mapping[str, str],
) -> Iterator[subprocess.Popen[str]]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
    process = subprocess.Popen(
        pinned(command, cpus),
        cwd=ROOT,
        env=inherited | dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )
    try:
        yield process
    finally:
        _end(process)


def pinned(command: Sequence[str], cpus: set[int]) -> list[str]:
    """The command as taskset(1) starts it; taskset becomes the command by exec."""
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cpus))), *command]


def descendants(pid: int) -> list[int]:
    """Children, and theirs."""
    found = []
    for listed in (PROC / str(pid) / "task").glob("*/children"):
        for child in map(int, listed.read_text().split()):
            found += [child, *descendants(child)]
    return found


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
