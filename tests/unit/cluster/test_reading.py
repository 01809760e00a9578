"""Reading the configuration anew: the command is played by a few lines of Python."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tercet.cluster import reading
from tercet.cluster.reading import NotRead, read
from tercet.cluster.spec import MeshSpec, OriginSpec

Command = Callable[[str], OriginSpec]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Has these lines run in place of `python -m tercet.cli`."""
    popen = subprocess.Popen

    def play(lines: str) -> OriginSpec:
        def run(arguments: list[str], **named: Any) -> Any:
            assert arguments[1:4] == ["-P", "-m", "tercet.cli"]
            said = "import os, sys; spec = int(os.environ['TERCET_SPEC_FD'])\n" + lines
            return popen([sys.executable, "-S", "-c", said, *arguments[4:]], **named)

        monkeypatch.setattr(subprocess, "Popen", run)
        return OriginSpec(arguments=["up", "--flag"], directory=str(tmp_path), file="/a.toml")

    return play


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    before = descriptors()
    yield
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


async def test_what_the_command_says_is_the_mesh(command: Command) -> None:
    origin = command("""os.write(spec, b'{"services": [], "grace": 3.0}')""")
    assert await read(origin) == MeshSpec(services=[], grace=3.0)


async def test_it_is_run_as_it_was_and_where_it_was(command: Command, tmp_path: Path) -> None:
    origin = command(
        "said = f\"{os.getcwd()} {sys.argv[1:]} {os.environ['TERCET_SPEC_FILE']}\"\n"
        "os.write(2, said.encode())\nsys.exit(1)"
    )
    with pytest.raises(NotRead) as caught:
        await read(origin)
    assert caught.value.message == f"{tmp_path} ['up', '--flag'] /a.toml"


async def test_its_words_are_the_error(command: Command) -> None:
    origin = command("""sys.exit("tercet: tercet.toml, line 3: what is 'worker'?")""")
    with pytest.raises(NotRead) as caught:
        await read(origin)
    assert caught.value.message == "tercet.toml, line 3: what is 'worker'?"
    assert caught.value.reason == "RELOAD_FAILED"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("sys.exit(3)", "`tercet` exited with 3"),
        ("os.kill(os.getpid(), 9)", "`tercet` killed by SIGKILL"),
        ("""os.write(2, b"x" * 9000); sys.exit(1)""", "x" * reading.MOST),
        ("""os.write(2, b"\\xff"); sys.exit(1)""", "\ufffd"),
    ],
)
async def test_there_is_always_an_error_to_read(lines: str, words: str, command: Command) -> None:
    with pytest.raises(NotRead) as caught:
        await read(command(lines))
    assert caught.value.message == words


@pytest.mark.parametrize(
    "rubbish", [b"", b"rubbish", b"[]", b'{"services": [], "grace": -1}', b'{"nobody": 1}']
)
async def test_rubbish_is_no_mesh(rubbish: bytes, command: Command) -> None:
    with pytest.raises(NotRead, match="cannot be read anew"):
        await read(command(f"os.write(spec, {rubbish!r})"))


async def test_one_that_hangs_is_killed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PATIENCE", 0.3)
    with pytest.raises(NotRead, match="was not read within"):
        await read(command("import signal; signal.pause()"))


async def test_one_that_cannot_be_started_is_an_error(command: Command, tmp_path: Path) -> None:
    command("")
    with pytest.raises(NotRead, match="No such file"):
        await read(OriginSpec(arguments=[], directory=str(tmp_path / "gone")))


async def test_one_that_cannot_be_watched_is_not_left_running(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", no_descriptor)
    with pytest.raises(NotRead, match="Too many open files"):
        await read(command("import signal; signal.pause()"))
