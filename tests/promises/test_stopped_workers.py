"""SIGSTOP of a worker: it is found out in time, and few calls have met it by then."""

from __future__ import annotations

import os
import signal
import time

from tests.promises.conftest import Start
from tests.promises.killing import LEARNT, told
from tests.promises.loading import calling
from tests.promises.operators import Events
from tests.promises.outcomes import Outcome, Report
from tests.promises.scene import SERVICES, through

WORKERS = 3
# Seconds without a pulse.
HANG = 2.0
# Seconds from one look at the pulses to the next, and what a busy machine adds.
LATE = 1.5
# Seconds for it to be killed: a second to say where it was (which a stopped one cannot), and more.
KILLED = 3.0


def test_it_is_found_out_and_replaced(start: Start, suite: str) -> None:
    mesh = start(suite, workers=WORKERS, cluster=f"hang_timeout = {HANG}")
    service = SERVICES[suite][0]
    with Events(mesh) as events:
        with calling(through(mesh, suite)) as load:
            time.sleep(1)
            victim = mesh.worker(service)
            stopped = time.monotonic()
            os.kill(victim["pid"], signal.SIGSTOP)
            events.wait(lambda: bool(events.of("worker_hung", service)))
            (hung,) = events.of("worker_hung", service)
            events.wait(lambda: bool(events.of("worker_exited", service)))
            events.wait(
                lambda: any(each.time > hung.time for each in events.of("worker_ready", service))
            )
            time.sleep(1)
        (exited,) = events.of("worker_exited", service)
    assert hung.pid == exited.pid == victim["pid"]
    # Its clock, and that of the calls.
    offset = time.time() - time.monotonic()
    found, gone = hung.time - offset, exited.time - offset
    its = load.report.where(lambda each: is_of(service, each))
    begun = its.where(lambda each: each.ended >= stopped and each.began <= found)
    print(
        f"found out after {found - stopped:.2f} s, gone after {gone - found:.2f} s more;"
        f" {len(begun.failed)} of {len(begun.outcomes)} calls hit; {load.report}"
    )
    assert HANG - 1 <= found - stopped <= HANG + LATE, str(events)
    assert gone - found <= KILLED, str(events)
    # A call that it had is lost with it, and says so. Of those that came once it was found out, and
    # the gateways had been told: none.
    wrong = [
        each
        for each in load.report.failed
        if (each.code, each.reason) != ("UNAVAILABLE", "WORKER_LOST")
        or f" {told(victim['address'])} " not in each.details
        or each.began > found + LEARNT
    ]
    assert not wrong, str(Report(wrong))
    assert WORKERS * len(begun.failed) <= len(begun.outcomes), str(begun)


def is_of(service: str, each: Outcome) -> bool:
    """Whether the service was called: of the plain one all calls are."""
    return service == "greeter" or service in each.kind
