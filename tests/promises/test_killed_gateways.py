"""kill -9 of a gateway: only the calls that it had are lost. Of the control process: none."""

from __future__ import annotations

import os
import signal
import time

import psutil

from tests.integration.meshes import Mesh
from tests.promises.conftest import Start
from tests.promises.form import CALLERS, FRESH
from tests.promises.killing import ENDED, LEARNT, Killed, kill
from tests.promises.load import Group
from tests.promises.loading import calling
from tests.promises.operators import Events
from tests.promises.outcomes import CLOSED, RESET, Outcome, Report
from tests.promises.scene import through

TIMES = 3
WIRES = 6


def test_only_the_calls_of_a_killed_gateway_are_lost(start: Start, suite: str) -> None:
    mesh = start(suite)
    callers = Group(
        name="gateway",
        address=mesh.gateway,
        suite=suite,
        channels=CALLERS - FRESH - WIRES,
        fresh=FRESH,
        wires=WIRES,
    )
    kills: list[tuple[Killed, set[int]]] = []
    with calling(callers) as load:
        for number in range(TIMES):
            victim = mesh.worker("gateway", number % 2)
            ports = ports_of(victim["pid"], mesh.gateway)
            kills.append((kill(victim), ports))
            mesh.wait(lambda: replaced(mesh, "gateway", victim["pid"]))  # noqa: B023
            # Its successor has its share of the callers before the next one goes.
            time.sleep(1)
    print(f"{load.report}")
    wrong = [each for each in load.report.failed if not any(was_of(*it, each) for it in kills)]
    assert not wrong, str(Report(wrong))
    for killed, ports in kills:
        its = [each for each in load.report.failed if was_of(killed, ports, each)]
        assert len(its) <= len(ports), str(Report(its))


def test_without_the_control_process_no_call_is_lost(start: Start, suite: str) -> None:
    mesh = start(suite)
    with Events(mesh) as events:
        with calling(through(mesh, suite)) as load:
            for _ in range(TIMES):
                victim = mesh.worker("control")
                kill(victim)
                mesh.wait(lambda: replaced(mesh, "control", victim["pid"]))  # noqa: B023
        print(f"{load.report}")
        assert not load.report.failed, str(load.report)
        # Nor an event: who has watched goes on where it was.
        events.wait(lambda: len(events.of("worker_exited", "control")) == TIMES)
        assert [each.sequence for each in events.seen] == [*range(1, len(events.seen) + 1)]


def ports_of(pid: int, gateway: str) -> set[int]:
    """Of the clients that it has. It is stopped: nobody else comes to it."""
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGSTOP)
    while process.status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)
    ours = int(gateway.rpartition(":")[2])
    return {
        each.raddr.port
        for each in process.net_connections("tcp")
        if each.raddr and each.laddr.port == ours
    }


def was_of(killed: Killed, ports: set[int], each: Outcome) -> bool:
    """Whether that call was lost with that gateway: nobody is left to say why."""
    if not killed.sent <= each.ended <= killed.gone + ENDED or each.began > killed.gone + LEARNT:
        return False
    if each.port:
        return each.code in (CLOSED, RESET) and each.port in ports
    # gRPC's own clients do not tell their ports; those that have one are counted.
    return (each.code, each.reason) == ("UNAVAILABLE", "")


def replaced(mesh: Mesh, service: str, pid: int) -> bool:
    now = mesh.workers(service)
    return all(each["state"] == "ready" and each["pid"] != pid for each in now)
