"""kill -9 of any worker, twice a second: only the calls that it was running fail, and say so."""

from __future__ import annotations

import os
import statistics
import time
from random import Random
from typing import Any

from tests.integration.meshes import Mesh
from tests.promises.conftest import Start
from tests.promises.form import KILL_EVERY, KILLING, LONG
from tests.promises.killing import Killed, kill, lost_with
from tests.promises.loading import calling
from tests.promises.operators import Events, Happened
from tests.promises.outcomes import Report
from tests.promises.scene import SERVICES, through

# Seconds from the death of a worker until its successor is started, and until it serves, in the
# middle. How long an interpreter takes to start is the machine's business: the latter is told, and
# judged only in the long form on a machine that has little else to do.
STARTED = 0.25
SERVES = 1.0
BUSY = 2.5


def test_only_the_calls_that_it_was_running_fail(start: Start, suite: str) -> None:
    # Few: at times all of a service are dead, and calls wait for the first that comes.
    mesh = start(suite, workers=2)
    with Events(mesh) as events:
        with calling(through(mesh, suite)) as load:
            kills = kill_for(mesh, suite, KILLING)
            pids = {each.pid for each in kills}
            events.wait(lambda: len(after(events, pids, "worker_ready")) == len(pids), within=30)
        started = after(events, pids, "worker_started")
        served = after(events, pids, "worker_ready")
    print(
        f"{len(kills)} killed; successors start after {summary(started)}, serve after"
        f" {summary(served)}; {load.report}"
    )
    wrong = [each for each in load.report.failed if not lost_with(kills, each)]
    assert not wrong, str(Report(wrong))
    # It was not by chance that nothing else failed.
    assert load.report.failed
    # There is somebody to kill, most of the time: successors come.
    assert len(kills) >= 0.5 * KILLING / KILL_EVERY, str(events)
    assert statistics.median(started) < STARTED, f"{summary(started)}\n{events}"
    if LONG and os.getloadavg()[0] < BUSY * len(os.sched_getaffinity(0)):
        assert statistics.median(served) < SERVES, f"{summary(served)}\n{events}"


def kill_for(mesh: Mesh, suite: str, seconds: float) -> list[Killed]:
    """Kills one at random, again and again."""
    rng = Random(0)
    kills: list[Killed] = []
    until = time.monotonic() + seconds
    while (moment := time.monotonic()) < until:
        if victims := ready(mesh, suite):
            kills.append(kill(rng.choice(victims)))
        time.sleep(max(0.0, moment + KILL_EVERY - time.monotonic()))
    return kills


def ready(mesh: Mesh, suite: str) -> list[dict[str, Any]]:
    return [
        each
        for service in SERVICES[suite]
        for each in mesh.workers(service)
        if each["state"] == "ready"
    ]


def after(events: Events, pids: set[int], kind: str) -> list[float]:
    """Seconds from the end of each of these until that happens in its slot."""
    found = []
    for gone in (each for each in events.of("worker_exited") if each.pid in pids):
        later = [each.time for each in events.of(kind) if follows(each, gone)]
        found += [min(later) - gone.time] if later else []
    return found


def follows(one: Happened, other: Happened) -> bool:
    return (one.service, one.slot) == (other.service, other.slot) and one.sequence > other.sequence


def summary(took: list[float]) -> str:
    return f"{statistics.median(took):.2f} s in the middle, {max(took):.2f} s at most"
