"""kill -9 of any worker, twice a second: only the calls that it was running fail, and say so."""

from __future__ import annotations

import os
import signal
import time
from random import Random

from tests.integration.meshes import Mesh
from tests.promises.conftest import Start
from tests.promises.form import KILL_EVERY, KILLING
from tests.promises.loading import calling
from tests.promises.outcomes import OK, Outcome, Report
from tests.promises.scene import WORKERS, through

# Seconds by which the failure of a call may be noticed after the death of its worker: the machine
# may be busy, and it is the times that are to be told apart, not the speed.
NOTICED = 2.0


def test_only_the_calls_that_it_was_running_fail(start: Start, suite: str) -> None:
    mesh = start(suite)
    with calling(through(mesh.gateway, suite)) as load:
        kills = kill_for(mesh, suite, KILLING)
    print(f"{len(kills)} killed; {load.report}")
    wrong = [each for each in load.report.failed if not lost_with(kills, each)]
    assert not wrong, Report(wrong)
    assert len(kills) >= KILLING / KILL_EVERY / 2


def kill_for(mesh: Mesh, suite: str, seconds: float) -> dict[int, float]:
    """Kills one at random, again and again; when each pid was."""
    rng = Random(0)
    kills: dict[int, float] = {}
    until = time.monotonic() + seconds
    while (moment := time.monotonic()) < until:
        alive = [
            each
            for service in WORKERS[suite]
            for each in mesh.workers(service)
            if each["state"] == "ready"
        ]
        if alive:
            victim = rng.choice(alive)["pid"]
            kills[victim] = time.monotonic()
            os.kill(victim, signal.SIGKILL)
        time.sleep(max(0.0, moment + KILL_EVERY - time.monotonic()))
    return kills


def lost_with(kills: dict[int, float], each: Outcome) -> bool:
    """Whether it is a call of a worker that was killed while it ran, and says so."""
    if each.code == OK:
        return True
    if (each.code, each.reason) != ("UNAVAILABLE", "WORKER_LOST"):
        return False
    moments = [kills[each.pid]] if each.pid in kills else [] if each.pid else list(kills.values())
    return any(each.began <= moment <= each.ended <= moment + NOTICED for moment in moments)
