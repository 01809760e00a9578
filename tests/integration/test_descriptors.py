"""Each descriptor of the processes of a mesh is accounted for, by what it is for."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.integration.meshes import Mesh

# What an event loop has for itself, however many: uvloop's epoll (with io_uring, where there is
# one), a pipe or eventfd to wake it, a pair of sockets for signals, and one descriptor in reserve.
LOOP = {"epoll", "eventfd", "io_uring", "pipe", "socket", "/dev/null"}
CONNECTIONS = {"unix connection", "tcp connection"}
LISTEN = "0A"
UNIX_ACCEPTS = 0x10000


@dataclass(frozen=True)
class Descriptor:
    number: int
    kind: str
    # The same in all processes that share it; "" for what cannot be told.
    what: str
    closes_at_exec: bool


@pytest.fixture
def greeters(start: Start) -> Mesh:
    return start(
        *("serve", "examples.greeter:register", "--workers", "2", "--engine", "native"),
        *("--bind", "127.0.0.1:0", "--gateway", "127.0.0.1:0"),
    ).wait_ready()


def test_a_worker_has_its_link_and_its_listeners(greeters: Mesh) -> None:
    for worker in greeters.workers("greeter"):
        found = opened(greeters, worker["pid"])
        kinds = Counter(each.kind for each in found if each.number > 2)
        assert set(kinds) <= LOOP | CONNECTIONS | {"unix listener", "tcp listener"}, found
        assert (kinds["unix listener"], kinds["tcp listener"]) == (1, 1), found
        # The two of the loop's pair, and the link with the guard's duplicate of it.
        sockets = Counter(each.what for each in found if each.kind == "socket")
        assert sorted(sockets.values()) == [1, 1, 2], found


def test_a_gateway_has_the_memory_beside(greeters: Mesh) -> None:
    found = opened(greeters, greeters.worker("gateway")["pid"])
    kinds = Counter(each.kind for each in found if each.number > 2)
    expected = LOOP | CONNECTIONS | {"unix listener", "tcp listener", "region"}
    assert set(kinds) <= expected, found
    # Of its own and of the admin service; the memory as inherited, and as it is mapped.
    assert (kinds["unix listener"], kinds["tcp listener"], kinds["region"]) == (2, 1, 2), found


def test_the_control_process_has_no_more_than_a_worker(greeters: Mesh) -> None:
    found = opened(greeters, greeters.worker("control")["pid"])
    kinds = Counter(each.kind for each in found if each.number > 2)
    assert set(kinds) <= LOOP | CONNECTIONS | {"unix listener"}, found
    assert kinds["unix listener"] == 1, found


def test_all_but_the_streams_close_when_a_worker_starts_a_program(greeters: Mesh) -> None:
    for worker in greeters.workers():
        found = opened(greeters, worker["pid"])
        assert [each.number for each in found if not each.closes_at_exec] == [0, 1, 2]


def test_processes_share_nothing_but_what_they_are_meant_to(greeters: Mesh) -> None:
    workers = greeters.workers()
    for worker in workers:
        others = {
            each.what
            for pid in (greeters.pid, *(other["pid"] for other in workers))
            if pid != worker["pid"]
            for each in opened(greeters, pid)
            if each.number > 2
        }
        own = opened(greeters, worker["pid"])
        # The log, opened once more by each so that it need not wait there for who reads it.
        others -= {each.what for each in own if each.number == 2}
        shared = {
            each.kind for each in own if each.number > 2 and each.what and each.what in others
        }
        allowed = {"/dev/null", "tcp listener", "unix listener"}
        assert shared <= allowed | (
            {"region", "eventfd"} if worker["service"] == "gateway" else set()
        )
    # What is listened on is one worker's alone, though the supervisor may have it too.
    listening = [
        what
        for worker in workers
        for what in {
            each.what for each in opened(greeters, worker["pid"]) if "listener" in each.kind
        }
    ]
    assert len(listening) == len(set(listening))


def opened(mesh: Mesh, pid: int) -> list[Descriptor]:
    """What a process has open."""
    sockets = _sockets(pid)
    found = []
    for entry in sorted(Path(f"/proc/{pid}/fd").iterdir(), key=lambda each: int(each.name)):
        try:
            target = os.readlink(entry)
            info = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text()
        except FileNotFoundError:
            continue
        facts = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        kind, what = _kind_of(target, facts, sockets)
        flags = int(facts["flags"].strip(), 8)
        found.append(Descriptor(int(entry.name), kind, what, bool(flags & os.O_CLOEXEC)))
    return found


def _kind_of(target: str, facts: dict[str, str], sockets: dict[str, str]) -> tuple[str, str]:
    if target.startswith("socket:["):
        return sockets.get(target[8:-1], "socket"), target
    if target.startswith("pipe:["):
        return "pipe", target
    if target.startswith("/memfd:tercet-region"):
        return "region", target
    kinds = {"anon_inode:[eventpoll]": "epoll", "anon_inode:[io_uring]": "io_uring"}
    if target == "anon_inode:[eventfd]":
        return "eventfd", "eventfd" + facts["eventfd-id"]
    # A file, above all, is none of these.
    return kinds.get(target, target), "" if target in kinds else target


def _sockets(pid: int) -> dict[str, str]:
    """Kinds of sockets by inode, but for UNIX sockets without a name: pairs, and clients."""
    found = {}
    for table in ("tcp", "tcp6"):
        for line in _table(pid, table):
            fields = line.split()
            found[fields[9]] = "tcp listener" if fields[3] == LISTEN else "tcp connection"
    for line in _table(pid, "unix"):
        fields = line.split()
        if int(fields[3], 16) & UNIX_ACCEPTS:
            found[fields[6]] = "unix listener"
        elif len(fields) > 7:
            found[fields[6]] = "unix connection"
    return found


def _table(pid: int, name: str) -> list[str]:
    path = Path(f"/proc/{pid}/net/{name}")
    return path.read_text().splitlines()[1:] if path.exists() else []
