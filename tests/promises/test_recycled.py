"""Very many calls while workers are recycled: none fails, and nothing is left behind by them."""

from __future__ import annotations

import time
from typing import NamedTuple

import psutil

from tests.integration.meshes import Mesh
from tests.promises.bulk import ROUND, Crowd
from tests.promises.conftest import Start
from tests.promises.form import CALLS, GROWTH, PARTS
from tests.promises.operators import Events

MIB = 1 << 20
WORKERS = 2
# Seconds in which all that was begun is done.
SETTLES = 30.0


class Weight(NamedTuple):
    """Of one process that is not replaced."""

    descriptors: int
    threads: int
    rss: int


def test_nothing_grows(start: Start) -> None:
    part = CALLS // PARTS
    mesh = start("plain", service=f"max_requests = {part // 10}")
    weights: list[dict[str, Weight]] = []
    made = 0
    with Events(mesh) as events:
        for number in range(1, PARTS + 1):
            with Crowd(int(mesh.gateway.rpartition(":")[2])) as crowd:
                # At least so many, and as long as it takes: calls are quick.
                while made < number * part or recycled(events) < number * WORKERS:
                    failed = crowd.echo()
                    assert failed == 0, f"{failed} of {ROUND} calls after {made}:\n{events}"
                    made += ROUND
            weights.append(at_rest(mesh, weights[0] if weights else None))
        times = recycled(events)
    for name in weights[0]:
        told = " ".join(f"{each[name].rss / MIB:.1f}" for each in weights)
        print(f"{name}: RSS after each of {PARTS} parts, in MiB: {told}; {weights[-1][name]}")
    print(f"{made} calls, {times} workers recycled")
    for name in weights[0]:
        rss = [each[name].rss for each in weights]
        assert min(rss[-2:]) - rss[0] < GROWTH, f"{name}: {rss}"


def recycled(events: Events) -> int:
    return len(events.of("recycled", "greeter"))


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
