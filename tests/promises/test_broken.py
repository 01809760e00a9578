"""Code and configuration that are broken: what runs goes on, and what is wrong can be read."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.integration.meshes import Mesh, run
from tests.promises.conftest import Start
from tests.promises.killing import kill
from tests.promises.loading import calling
from tests.promises.operators import Events, Happened, Operator
from tests.promises.outcomes import CLOSED, REFUSED, RESET
from tests.promises.scene import past, through

GOOD = "from tests.promises.servicer import register\n"
BROKEN = "raise RuntimeError('somebody broke it')\n"
# It comes up, serves, and dies.
DIES = """
import os, threading
from tests.promises.servicer import register as sound

def register(server):
    sound(server)
    threading.Timer(1.0, os._exit, [3]).start()
"""
DIED = "exited with 3"
# Deaths until it is mended.
DEATHS = 4


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The module of the service, which may be broken at will."""
    path = tmp_path / "ours.py"
    path.write_text(GOOD)
    return path


@pytest.fixture
def mesh(start: Start, code: Path) -> Mesh:
    # What is written twice in a second must be compiled twice.
    environ = {"PYTHONPATH": _path(code.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return start("plain", target="ours:register", environ=environ)


def test_a_reload_of_broken_code_leaves_the_good_one(mesh: Mesh, code: Path) -> None:
    before = pids(mesh)
    operator = Operator(mesh)
    with Events(mesh) as events:
        with unharmed(mesh):
            code.write_text(BROKEN)
            words = refused(operator)
            events.wait(lambda: bool(events.of("reload_failed")))
        assert "greeter" in words
        assert "somebody broke it" in words
        assert events.of("reload_failed")[0].text == words
    assert pids(mesh) == before
    assert operator.describe().reload_error == words
    assert words in mesh.output()
    assert "somebody broke it" in listing(mesh)
    with unharmed(mesh):
        code.write_text(GOOD)
        operator.reload()
    assert pids(mesh).isdisjoint(before)
    assert not operator.describe().reload_error


def test_a_reload_of_a_broken_configuration_changes_nothing(mesh: Mesh, tmp_path: Path) -> None:
    path = tmp_path / "tercet.toml"
    good = path.read_text()
    before = {each["pid"] for each in mesh.workers()}
    operator = Operator(mesh)
    with unharmed(mesh):
        for bad in (good + "grace = 1\n", good.replace("grace = 10", "grace = 'soon'"), "[gateway"):
            path.write_text(bad)
            words = refused(operator)
            assert "tercet.toml" in words or "grace" in words, words
            assert operator.describe().reload_error == words
            assert words.splitlines()[0] in mesh.output()
    assert {each["pid"] for each in mesh.workers()} == before
    with unharmed(mesh):
        path.write_text(good.replace("grace = 10", "grace = 9"))
        operator.reload()
    assert not operator.describe().reload_error
    assert pids(mesh).isdisjoint(before)


def test_a_worker_that_dies_again_and_again_is_backed_off(mesh: Mesh, code: Path) -> None:
    """Meanwhile the other one serves: what fails is what the dying one was running."""
    with Events(mesh) as events:
        direct = past(mesh, "plain")
        with calling(through(mesh, "plain"), direct) as load:
            code.write_text(DIES)
            kill(mesh.worker("greeter"))
            events.wait(lambda: len(deaths(events)) >= DEATHS, within=60)
            assert DIED in listing(mesh)
            code.write_text(GOOD)
            events.wait(lambda: is_back(events), within=60)
        waits = [wait_after(events, death) for death in deaths(events)]
    print(f"waits: {[f'{each:.2f}' for each in waits]} s; {load.report}")
    for one, other in itertools.pairwise(waits):
        # Twice as long, less a quarter at most, and a look at the clock.
        assert other > 1.2 * one, f"{waits}\n{events}"
    assert f"{DIED}; restarting in" in mesh.output()
    behind = load.report.of("gateway")
    assert {(each.code, each.reason) for each in behind.failed} <= {("UNAVAILABLE", "WORKER_LOST")}
    # Nobody found the port closed; those that had a connection to the dying one lost it.
    refusals = [each for each in load.report.of("direct fresh").failed if each.code == REFUSED]
    assert not refusals, str(load.report.of("direct"))
    lost = [each for each in load.report.of("direct fresh").failed if not each.pid]
    assert {each.code for each in lost} <= {CLOSED, RESET}, str(load.report.of("direct"))


@contextmanager
def unharmed(mesh: Mesh) -> Iterator[None]:
    """Meanwhile no call fails."""
    with calling(through(mesh, "plain"), past(mesh, "plain")) as load:
        yield
    print(load.report)
    assert not load.report.of("gateway").failed, str(load.report)
    assert not load.report.of("direct fresh").failed, str(load.report)


def refused(operator: Operator) -> str:
    """Asks for a reload, which must fail; says why."""
    with pytest.raises(grpc.RpcError) as caught:
        operator.reload()
    call: Any = caught.value
    assert call.code() is grpc.StatusCode.FAILED_PRECONDITION, call
    return str(call.details())


def pids(mesh: Mesh) -> set[int]:
    """Of those that do the work."""
    return {each["pid"] for each in mesh.workers("greeter")}


def listing(mesh: Mesh) -> str:
    """What an operator sees."""
    shown = run("workers", environ={"TERCET_RUNTIME_DIR": str(mesh.runtime_dir)})
    assert shown.returncode == 0, shown.stderr
    return str(shown.stdout)


def deaths(events: Events) -> list[Happened]:
    return [each for each in events.of("worker_exited", "greeter") if each.text == DIED]


def is_back(events: Events) -> bool:
    """Whether one was started after the last death, is ready and stays so for longer than those."""
    last = deaths(events)[-1]
    return any(
        each.sequence > last.sequence and each.slot == last.slot
        for each in events.of("worker_ready", "greeter")
    )


def wait_after(events: Events, death: Happened) -> float:
    """Seconds from a death to the next try."""
    return next(
        each.time - death.time
        for each in events.of("worker_started", "greeter")
        if each.slot == death.slot and each.sequence > death.sequence
    )


def _path(folder: Path) -> str:
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
