"""The supervisor as PID 1, as in a container without an init."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tercet.cli.workers import as_dict, list_workers
from tercet.errors import Unavailable
from tests.integration.meshes import ROOT, TERCET

LEAVE_ORPHANS = ROOT / "tests" / "children" / "leave_orphans.py"
NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc")
PARENT = f"""
import subprocess, sys
from examples.greeter import register as greeter

def register(server):
    greeter(server)
    # Some end while this worker lives, some when its session is ended.
    for seconds in ("0", "0.2", "600"):
        command = [sys.executable, {str(LEAVE_ORPHANS)!r}, "5", seconds]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
"""


def refused() -> str:
    """Why there can be no pid namespace here; "" if there can."""
    try:
        tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return tried.stderr.strip() if tried.returncode else ""


class Container:
    """`tercet serve` as PID 1 of a namespace of its own.

    Attributes:
        pid: Of the supervisor, as it is seen from outside.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "parent.py").write_text(PARENT)
        # Short: a UNIX socket's path has at most 107 bytes.
        self.runtime_dir = Path(tempfile.mkdtemp(prefix="tercet-test-"))
        self._output = folder / "output"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
        path = os.pathsep.join([str(folder), environ.get("PYTHONPATH", "")])
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [
                    *(*NAMESPACE, "--kill-child", sys.executable, str(TERCET)),
                    *("serve", "parent:register", "--workers", "2", "--bind", "127.0.0.1:0"),
                    *("--grace", "2"),
                ],
                cwd=ROOT,
                env=environ | {"TERCET_RUNTIME_DIR": str(self.runtime_dir), "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.wait(lambda: "Ctrl-C stops it." in self.output())
        (self.pid,) = children(self._process.pid)

    def output(self) -> str:
        return self._output.read_text()

    def workers(self) -> list[dict[str, object]]:
        # Its pids are those inside.
        return [as_dict(each) for each in list_workers(self.runtime_dir / "1")]

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert self._process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)

    def ended(self) -> int:
        """The exit code of PID 1, which unshare(1) hands on."""
        return self._process.wait(30)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.runtime_dir)


def children(pid: int) -> dict[int, str]:
    """The children of a process, with the letters of their states."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == pid:
                found[int(entry.name)] = state
    return found


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    if why := refused():
        pytest.skip(f"no pid namespace can be made here: {why}")
    made = Container(tmp_path)
    try:
        yield made
    finally:
        made.close()


def all_ready(container: Container, generation: int) -> bool:
    try:
        workers = container.workers()
    except Unavailable:
        return False
    return all(each["state"] == "ready" for each in workers) and generation in [
        each["generation"] for each in workers if each["slot"] == 0 and each["service"] == "parent"
    ]


def test_orphans_are_reaped_and_workers_are_not_mistaken_for_them(container: Container) -> None:
    container.wait(lambda: all_ready(container, 1))
    # Control process, two workers, and what each has left that has not ended.
    container.wait(lambda: len(children(container.pid)) == 3 + 2 * 5)
    container.wait(lambda: "Z" not in children(container.pid).values())
    victim = next(pid for pid in children(container.pid) if is_worker(pid, "parent/0"))
    os.kill(victim, signal.SIGKILL)
    container.wait(lambda: all_ready(container, 2))
    # What the dead one had left has been ended with it; its successor has left as much.
    container.wait(lambda: len(children(container.pid)) == 3 + 2 * 5)
    container.wait(lambda: "Z" not in children(container.pid).values())
    dead = [each for each in container.workers() if each["restarts"]]
    assert [each["last_exit"] for each in dead] == ["killed by SIGKILL"]


def is_worker(pid: int, name: str) -> bool:
    try:
        return name in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def test_term_ends_everything(container: Container) -> None:
    container.wait(lambda: all_ready(container, 1))
    inside = children(container.pid)
    assert inside
    os.kill(container.pid, signal.SIGTERM)
    assert container.ended() == 0
    assert not [pid for pid in inside if Path(f"/proc/{pid}").exists()]
    assert list(container.runtime_dir.iterdir()) == []


def test_a_binary_upgrade_is_refused(container: Container) -> None:
    os.kill(container.pid, signal.SIGUSR2)
    container.wait(lambda: "no upgrade: this supervisor is PID 1" in container.output())
    assert all_ready(container, 1)
