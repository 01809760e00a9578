"""Very many calls while workers are recycled: none fails, and nothing is left behind by them."""

from __future__ import annotations

import time
from typing import NamedTuple

import psutil

from tests.integration.meshes import Mesh
from tests.promises import bulk
from tests.promises.conftest import Start
from tests.promises.form import CALLS, GROWTH, PARTS
from tests.promises.operators import Events

MIB = 1 << 20
# Each worker is replaced so often in a part.
TIMES = 2
# Seconds in which all that was begun is done.
SETTLES = 30.0


class Weight(NamedTuple):
    """Of one process that is not replaced."""

    descriptors: int
    threads: int
    rss: int


def test_nothing_grows(start: Start) -> None:
    part = CALLS // PARTS
    limit = part // 2 // TIMES
    mesh = start("plain", service=f"max_requests = {limit}\nmax_requests_jitter = {limit // 10}")
    port = int(mesh.gateway.rpartition(":")[2])
    weights: list[dict[str, Weight]] = []
    with Events(mesh) as events:
        for number in range(PARTS):
            failed = bulk.echo(port, part)
            assert failed == 0, f"{failed} of {part} calls of part {number}"
            weights.append(at_rest(mesh, weights[0] if weights else None))
        recycled = events.of("recycled", "greeter")
    for name in weights[0]:
        told = " ".join(f"{each[name].rss / MIB:.1f}" for each in weights)
        print(f"{name}: RSS after each of {PARTS} parts, in MiB: {told}; {weights[-1][name]}")
    print(f"{CALLS} calls, {len(recycled)} workers recycled")
    assert len(recycled) >= PARTS, str(events)
    for name in weights[0]:
        rss = [each[name].rss for each in weights]
        assert min(rss[-2:]) - rss[0] < GROWTH, f"{name}: {rss}"


def at_rest(mesh: Mesh, before: dict[str, Weight] | None) -> dict[str, Weight]:
    """What those that stay hold, once nothing is under way.

    Raises:
        AssertionError: A zombie is left, or more descriptors or threads than before.
    """
    deadline = time.monotonic() + SETTLES
    while True:
        now = weigh(mesh)
        zombies = [
            each.pid
            for each in psutil.Process(mesh.pid).children()
            if each.status() == psutil.STATUS_ZOMBIE
        ]
        more = {
            name: each
            for name, each in now.items()
            if before and (each.descriptors, each.threads) > (before[name][:2])
        }
        quiet = {each["state"] for each in mesh.workers()} == {"ready"}
        if quiet and not zombies and not more:
            return now
        assert time.monotonic() < deadline, f"zombies {zombies}, more {more}, before {before}"
        time.sleep(0.1)


def weigh(mesh: Mesh) -> dict[str, Weight]:
    pids = {"supervisor": mesh.pid} | {
        f"{each['service']}/{each['slot']}": each["pid"]
        for each in mesh.workers()
        if each["service"] in ("gateway", "control")
    }
    found = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        found[name] = Weight(
            process.num_fds(), process.num_threads(), int(process.memory_info().rss)
        )
    return found
