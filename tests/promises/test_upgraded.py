"""USR2 under load: another supervisor takes the sockets over, and no call fails of it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tercet.cli.workers import list_workers
from tercet.cluster.runtime_dir import meshes
from tests.integration.meshes import Mesh
from tests.promises.conftest import Start
from tests.promises.judging import nothing_failed
from tests.promises.loading import calling
from tests.promises.scene import past, through

TIMES = 2
# Seconds for one upgrade, and for a mesh to stop.
PATIENCE = 60.0


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "tercet.pid"


@pytest.fixture
def mesh(start: Start, suite: str, pid_file: Path) -> Iterator[Mesh]:
    made = start(suite, cluster=f'pid_file = "{pid_file}"')
    yield made
    # Those that have taken it over are nobody's children.
    for path in meshes(made.runtime_dir):
        if int(path.name) != made.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.name), signal.SIGTERM)
    wait(lambda: all(int(path.name) == made.pid for path in meshes(made.runtime_dir)), made)


def test_no_call_fails_of_an_upgrade(mesh: Mesh, suite: str, pid_file: Path) -> None:
    seen = workers(mesh, mesh.pid)
    with calling(through(mesh, suite), past(mesh, suite)) as load:
        for _ in range(TIMES):
            upgrade(mesh, pid_file)
            now = workers(mesh, int(pid_file.read_text()))
            # All of them are new.
            assert len(now) and seen.isdisjoint(now)
            seen |= now
    nothing_failed(load.report)


def upgrade(mesh: Mesh, pid_file: Path) -> None:
    """Returns when the new supervisor is the only one."""
    old = int(pid_file.read_text())
    os.kill(old, signal.SIGUSR2)

    def is_done() -> bool:
        running = [int(path.name) for path in meshes(mesh.runtime_dir)]
        return running == [int(pid_file.read_text())] != [old]

    wait(is_done, mesh)


def workers(mesh: Mesh, supervisor: int) -> set[int]:
    return {each.pid for each in list_workers(mesh.runtime_dir / str(supervisor))}


def wait(condition: Callable[[], bool], mesh: Mesh) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {mesh.output()}"
        time.sleep(0.05)
