"""kill -9 of the supervisor: nothing is left of the mesh, and another can start in its place."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import psutil

from tercet.cluster.runtime_dir import VARIABLE
from tests.integration.meshes import Mesh, processes_of
from tests.promises.conftest import Start
from tests.promises.loading import calling
from tests.promises.scene import through

# Seconds in which all is gone.
GONE = 2.0


def test_nothing_is_left_of_it(start: Start, suite: str) -> None:
    mesh = start(suite, cluster='health = "127.0.0.1:0"')
    binds = {each["service"]: each["bind"] for each in mesh.workers() if each["bind"]}
    leaders = [mesh.pid, *(each["pid"] for each in mesh.workers())]
    memory = shared_memory(mesh.pid)
    assert memory
    with calling(through(mesh, suite)) as load:
        os.kill(mesh.pid, signal.SIGKILL)
        mesh.ended()
        deadline = time.monotonic() + GONE
        while (left := remains(mesh, leaders, memory, binds)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, left
    # Those that came later found nobody.
    assert load.report.failed
    again = start(suite, cluster=f'health = "{binds["control"]}"', binds=binds)
    assert {each["service"]: each["bind"] for each in again.workers() if each["bind"]} == binds
    with calling(through(again, suite)) as load:
        time.sleep(1)
    assert not load.report.failed, str(load.report)


def remains(
    mesh: Mesh, leaders: list[int], memory: set[str], binds: dict[str, str]
) -> dict[str, object]:
    """What is there of a mesh, by what it is; empty once all is gone."""
    found: dict[str, object] = {
        "processes": sorted({*processes_of(leaders), *processes_with(mesh.runtime_dir)}),
        "files": sorted(map(str, mesh.runtime_dir.rglob("*"))),
        "shared memory": sorted(shared_by_anyone() & memory),
        "ports": [bind for bind in binds.values() if listens(bind)],
    }
    return {name: what for name, what in found.items() if what}


def processes_with(folder: Path) -> list[int]:
    """Those that were started for that runtime directory, wherever they are now."""
    mark = f"{VARIABLE}={folder}".encode()
    found = []
    for process in psutil.process_iter():
        try:
            environ = Path(f"/proc/{process.pid}/environ").read_bytes()
            if mark in environ.split(b"\0") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


def shared_memory(pid: int) -> set[str]:
    """The inodes of the files without a name that it has open or mapped."""
    found = set()
    try:
        for each in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(each).startswith("/memfd:tercet"):
                found.add(str(each.stat().st_ino))
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if match := re.search(r" (\d+) +/memfd:tercet", line):
                found.add(match[1])
    except OSError:
        # It has ended meanwhile.
        pass
    return found


def shared_by_anyone() -> set[str]:
    return set().union(*(shared_memory(pid) for pid in psutil.pids()))


def listens(bind: str) -> bool:
    host, _, port = bind.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0
