"""Who may write the pid file, and who removes it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tercet.cluster.pid_file import PidFile
from tercet.errors import ConfigError

OTHER = """
import sys
from pathlib import Path
from tercet.cluster.pid_file import PidFile
held = PidFile(Path(sys.argv[1]), successor=sys.argv[2] == "successor")
print("held", flush=True)
sys.stdin.read()
held.close()
"""
RACER = """
import sys
from pathlib import Path
from tercet.cluster.pid_file import PidFile
from tercet.errors import ConfigError
print("there", flush=True)
sys.stdin.readline()
try:
    held = PidFile(Path(sys.argv[1]))
except ConfigError:
    print("refused", flush=True)
else:
    print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tercet.pid"


@contextmanager
def other(path: Path, how: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the file."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_it_names_us_and_goes_with_us(path: Path) -> None:
    held = PidFile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    assert path.stat().st_mode & 0o777 & ~0o022 == 0o644
    held.close()
    assert list(path.parent.iterdir()) == []


def test_one_of_a_living_supervisor_is_left_alone(path: Path) -> None:
    with other(path) as process:
        with pytest.raises(ConfigError, match=f"pid {process.pid}; stop that one"):
            PidFile(path)
        assert path.read_text() == f"{process.pid}\n"
        assert list(path.parent.iterdir()) == [path]


def test_one_of_a_killed_supervisor_is_replaced(path: Path) -> None:
    with other(path):
        pass
    assert path.exists()
    held = PidFile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    held.close()


def test_a_number_that_some_process_has_by_now_does_not_make_it_valid(path: Path) -> None:
    # As after a reboot, or with pid 1 in a container.
    path.write_text(f"{os.getppid()}\n")
    held = PidFile(path)
    assert path.read_text() == f"{os.getpid()}\n"
    held.close()


def test_an_empty_one_is_taken(path: Path) -> None:
    path.touch()
    PidFile(path).close()
    assert not path.exists()


@pytest.mark.parametrize("text", ["[cluster]\n", "12 34\n", "1" * 31 + "x"])
def test_another_file_is_not_overwritten(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match="is not a pid file"):
        PidFile(path)
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="is not a pid file"):
        PidFile(path)


@pytest.mark.parametrize("where", ["missing/tercet.pid", ".", "file/tercet.pid"])
def test_one_that_cannot_be_written_is_told(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="pid file"):
        PidFile(tmp_path / where)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_successor_takes_it_and_keeps_it(path: Path) -> None:
    held = PidFile(path)
    with other(path, "successor") as process:
        assert path.read_text() == f"{process.pid}\n"
        held.close()
        assert path.read_text() == f"{process.pid}\n"
        with pytest.raises(ConfigError, match=f"pid {process.pid}"):
            PidFile(path)
        assert process.stdin
        process.stdin.close()
        assert process.wait(20) == 0
    assert not path.exists()


def test_one_that_somebody_has_removed_is_not_missed(path: Path) -> None:
    held = PidFile(path)
    path.unlink()
    held.close()
    assert not path.exists()


def test_one_that_was_written_over_is_left(path: Path) -> None:
    held = PidFile(path)
    path.write_text("1\n")
    held.close()
    assert path.read_text() == "1\n"


@pytest.mark.parametrize("stale", [False, True])
def test_of_several_that_start_at_once_one_gets_it(path: Path, stale: bool) -> None:
    if stale:
        path.write_text("1\n")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    try:
        for racer in racers:
            assert racer.stdout and racer.stdout.readline() == "there\n"
        for racer in racers:
            assert racer.stdin
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = {racer.pid: racer.stdout.readline() for racer in racers if racer.stdout}
        (holder,) = (pid for pid, line in said.items() if line == "held\n")
        assert path.read_text() == f"{holder}\n"
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()


def test_it_is_not_inherited(path: Path) -> None:
    # A worker that outlived its supervisor would keep the lock.
    held = PidFile(path)
    inherited = """
import os
print(*(os.readlink(f"/proc/self/fd/{entry}") for entry in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{entry}")))
"""
    seen = subprocess.run(
        [sys.executable, "-c", inherited],
        capture_output=True,
        text=True,
        check=True,
        close_fds=False,
    )
    assert str(path) not in seen.stdout
    held.close()
