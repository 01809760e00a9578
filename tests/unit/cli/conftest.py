from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tercet.cli.running import run
from tests.unit.client.fakes import Fakes, in_thread


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Tercet = Callable[..., Ran]


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fakes]:
    """The fake server, named by TERCET_ADDRESS."""
    with in_thread(f"unix:{tmp_path}/s") as listening:
        monkeypatch.setenv("TERCET_ADDRESS", listening.address)
        yield listening


@pytest.fixture
def tercet(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    loop: asyncio.AbstractEventLoop,
) -> Tercet:
    """Runs a command line in this process, within tmp_path, its output being no terminal."""
    # One loop for all: in a process with several, grpc.aio's poller trips over one that is closed.
    monkeypatch.setattr(asyncio, "run", loop.run_until_complete)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TERCET_DEBUG", raising=False)

    def ran(*arguments: str) -> Ran:
        capfd.readouterr()
        code = run(arguments)
        return Ran(code, *capfd.readouterr())

    return ran


def start(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """Starts the command as a process, for what a process alone has: signals, pipes, terminals."""
    program = [sys.executable, "-c", "from tercet.cli import main; main()"]
    pipes: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*program, *arguments], **(pipes | options))  # type: ignore[call-overload,no-any-return]


def on_terminal(*arguments: str, columns: int = 120) -> tuple[int, str]:
    """Runs the command with a terminal of that width, and returns what it shows."""
    import pty

    controller, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "dumb"}
    process = start(*arguments, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(controller, 65536):
            shown += piece
    except OSError:
        # EIO: the last process has closed the terminal.
        pass
    finally:
        os.close(controller)
    return process.wait(), shown.decode().replace("\r\n", "\n")
