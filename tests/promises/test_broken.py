"""Code and configuration that are broken: what runs goes on, and what is wrong can be read."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from tests.integration.meshes import Mesh, run
from tests.promises.conftest import Start
from tests.promises.killing import kill, lost_with
from tests.promises.load import Group
from tests.promises.loading import calling
from tests.promises.operators import Events, Happened, Operator
from tests.promises.outcomes import Report
from tests.promises.scene import configuration, past, through

GOOD = "from tests.promises.servicer import register\n"
BROKEN = "raise RuntimeError('somebody broke it')\n"
# It comes up, serves, and dies.
DIES = """
import os, threading
from tests.promises.servicer import register as sound

def register(server):
    sound(server)
    threading.Timer(0.3, os._exit, [3]).start()
"""
# Of tercet.cluster.backoff: seconds of the first wait; each of the next is twice as long, and up to
# a quarter less.
FIRST = 0.1


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The module of the service, which may be broken at will."""
    path = tmp_path / "servicer_of_ours.py"
    path.write_text(GOOD)
    return path


@pytest.fixture
def mesh(start: Start, code: Path) -> Mesh:
    environ = {"PYTHONPATH": f"{code.parent}", "PYTHONDONTWRITEBYTECODE": "1"}
    return start("plain", target="servicer_of_ours:register", environ=environ)


def test_a_reload_of_broken_code_leaves_the_good_one(mesh: Mesh, code: Path) -> None:
    before = pids(mesh)
    with Events(mesh) as events, unharmed(mesh):
        code.write_text(BROKEN)
        words = refused(mesh)
        assert "greeter" in words, words
        events.wait(lambda: bool(events.of("reload_failed")))
    # The gateways may be new; who serves is as he was.
    assert pids(mesh) == before
    described = Operator(mesh).describe()
    assert described.reload_error, str(described)
    assert "somebody broke it" in mesh.output()
    shown = run("workers", environ={"TERCET_RUNTIME_DIR": str(mesh.runtime_dir)})
    assert shown.returncode == 0
    with unharmed(mesh):
        code.write_text(GOOD)
        Operator(mesh).reload()
    assert pids(mesh).isdisjoint(before)
    assert not Operator(mesh).describe().reload_error


def test_a_reload_of_a_broken_configuration_changes_nothing(
    mesh: Mesh, tmp_path: Path
) -> None:
    path = tmp_path / "tercet.toml"
    good = path.read_text()
    before = pids(mesh)
    with unharmed(mesh):
        path.write_text(good.replace("[cluster]", "[cluster]\ngrace = 'soon'\n[closter]"))
        words = refused(mesh)
        path.write_text("[gateway\n")
        assert "tercet.toml" in words or "grace" in words, words
        refused(mesh)
    assert pids(mesh) == before
    assert "reload" in mesh.output()
    with unharmed(mesh):
        path.write_text(good)
        Operator(mesh).reload()


def test_a_worker_that_dies_again_and_again_is_backed_off(mesh: Mesh, code: Path) -> None:
    with Events(mesh) as events:
        with calling(through(mesh.gateway, "plain"), steady(mesh)) as load:
            code.write_text(DIES)
            killed = kill(mesh.worker("greeter"))
            died = f"exited with 3"
            events.wait(lambda: len(deaths(events, died)) >= 4, within=60)
            shown = run("workers", environ={"TERCET_RUNTIME_DIR": str(mesh.runtime_dir)})
            assert died in shown.stdout, shown.stdout
            code.write_text(GOOD)
            events.wait(lambda: recovered(events, died), within=60)
    waits = [
        next(
            each.time - death.time
            for each in events.of("worker_started", "greeter")
            if each.slot == death.slot and each.sequence > death.sequence
        )
        for death in deaths(events, died)
    ]
    print(f"waits: {[f'{each:.2f}' for each in waits]}; {load.report}")
    # Each is longer than the one before, by the clock of who waits.
    for one, other in itertools.pairwise(waits):
        assert other > 1.2 * one, str(events)
    assert died in mesh.output()
    # What failed were calls of those that died: nobody found a closed door.
    assert {(each.code, each.reason) for each in load.report.failed} <= {
        ("UNAVAILABLE", "WORKER_LOST")
    }, str(load.report)
    assert killed.pid


def refused(mesh: Mesh) -> str:
    """Asks for a reload, which must fail; says why."""
    with pytest.raises(grpc.RpcError) as caught:
        Operator(mesh).reload()
    call = caught.value
    assert call.code() is grpc.StatusCode.FAILED_PRECONDITION, call
    return str(call.details())
