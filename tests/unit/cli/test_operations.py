"""`tercet reload`, `scale` and `recycle`, told to the control process of a mesh."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest

from tercet.cluster.v1 import cluster_pb2
from tercet.errors import FailedPrecondition, NotFound, TercetError, Unavailable
from tests.unit.cli.conftest import Ran, Tercet
from tests.unit.cli.meshes import FakeControl, Meshes, meshes

WORKER = cluster_pb2.Worker(service="shop", pid=1, state=cluster_pb2.WORKER_STATE_READY)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meshes]:
    with meshes() as (base, several):
        monkeypatch.setenv("TERCET_RUNTIME_DIR", base)
        yield several


@pytest.fixture
def control(started: Meshes) -> FakeControl:
    return started.start(11, WORKER)


def test_reload_tells_the_revision(tercet: Tercet, control: FakeControl) -> None:
    assert tercet("reload") == (0, "reloaded: revision 2\n", "")
    assert json.loads(tercet("reload", "--json").out) == {"revision": 3}
    assert control.requests == [cluster_pb2.ReloadRequest()] * 2


def test_a_reload_that_fails_says_what_to_do(tercet: Tercet, control: FakeControl) -> None:
    control.refusal = FailedPrecondition(
        "shop/0: its successor exited with 1: SyntaxError", reason="RELOAD_FAILED"
    )
    ran = tercet("reload")
    assert (ran.code, ran.out) == (1, "")
    message, hint = ran.err.splitlines()
    assert message == "tercet: shop/0: its successor exited with 1: SyntaxError"
    assert "`tercet check --import`" in hint
    control.refusal = FailedPrecondition("a.toml:1: no\nhint: yes", reason="RELOAD_FAILED")
    assert tercet("reload").err == "tercet: a.toml:1: no\nhint: yes\n"


def test_scale(tercet: Tercet, control: FakeControl) -> None:
    assert tercet("scale", "shop", "4") == (0, "shop has 4 workers\n", "")
    assert control.requests == [cluster_pb2.ScaleRequest(service="shop", workers=4)]
    assert json.loads(tercet("scale", "shop", "1", "--json").out) == {
        "service": "shop",
        "workers": 1,
    }
    for wrong, said in (("0", "at least one worker"), ("1025", "1 to 1024"), ("many", "'many'")):
        ran = tercet("scale", "shop", wrong)
        assert (ran.code, said in ran.err) == (2, True)
    assert len(control.requests) == 2


def test_recycle_one_those_of_a_service_and_all(tercet: Tercet, control: FakeControl) -> None:
    assert tercet("recycle", "shop", "0") == (0, "recycled shop/0\n", "")
    assert tercet("recycle", "shop") == (0, "recycled shop\n", "")
    control.described.services.extend(
        [cluster_pb2.Service(name="gateway"), cluster_pb2.Service(name="shop")]
    )
    assert tercet("recycle") == (0, "recycled gateway\nrecycled shop\n", "")
    assert json.loads(tercet("recycle", "shop", "3", "--json").out) == {
        "services": ["shop"],
        "slot": 3,
    }
    assert control.requests == [
        cluster_pb2.RecycleRequest(service="shop", slot=0),
        cluster_pb2.RecycleRequest(service="shop"),
        cluster_pb2.RecycleRequest(service="gateway"),
        cluster_pb2.RecycleRequest(service="shop"),
        cluster_pb2.RecycleRequest(service="shop", slot=3),
    ]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (NotFound("there is no service 'x'", hint="there is shop", reason="NO_SERVICE"), 1),
        (FailedPrecondition("tercet.toml:2: wrong", hint="right", reason="RELOAD_FAILED"), 1),
    ],
)
@pytest.mark.parametrize("verb", ["reload", "scale x 2", "recycle x", "recycle x 1"])
def test_a_refusal_is_told(
    tercet: Tercet, control: FakeControl, verb: str, refusal: TercetError, code: int
) -> None:
    control.refusal = refusal
    ran = tercet(*verb.split())
    assert ran == (code, "", f"tercet: {refusal.message}\nhint: {refusal.hint}\n")


def test_what_takes_too_long_is_124(tercet: Tercet, control: FakeControl) -> None:
    with control.slow():
        ran = tercet("reload", "--timeout", "0.2")
    assert ran.code == 124
    assert ran.err.startswith("tercet: it is not done after 0.2 s\nhint: what has begun goes on")


@pytest.mark.parametrize("verb", ["reload", "scale x 2", "recycle", "recycle x 1"])
def test_which_mesh(tercet: Tercet, started: Meshes, verb: str) -> None:
    assert tercet(*verb.split()).code == 69
    controls = [started.start(pid, WORKER) for pid in (11, 12)]
    controls[1].described.services.append(cluster_pb2.Service(name="shop"))
    assert tercet(*verb.split()).code == 2
    assert tercet(*verb.split(), "--mesh", "12").code == 0
    assert [len(control.requests) for control in controls] == [0, 1]


def test_nobody_there_is_69(tercet: Tercet, control: FakeControl) -> None:
    control.refusal = Unavailable("the mesh stops", hint="start it", reason="STOPPING")
    for verb in ("scale x 2", "recycle x"):
        assert tercet(*verb.split()) == (69, "", "tercet: the mesh stops\nhint: start it\n")


def complaint(ran: Ran) -> str:
    # gRPC, which was imported long before, may have said something before it.
    return ran.err.splitlines()[-1]


def going(
    control: FakeControl,
    started: Meshes,
    *,
    finally_: cluster_pb2.EventKind,
    operation: str = "",
) -> None:
    """Lets the control process go before it has answered, as it does when it is replaced."""

    def go() -> None:
        while not control.requests:
            time.sleep(0.01)
        started.controls[11].stop(None).wait()
        control.happen(cluster_pb2.EVENT_KIND_WORKER_STARTED, service="control")
        control.described.revision = 5
        control.described.operation = operation
        started.serve(11, control)
        control.happen(finally_, text="no such module")

    thread = threading.Thread(target=go)
    thread.start()


def test_a_reload_that_replaces_the_control_process_is_waited_for(
    tercet: Tercet, control: FakeControl, started: Meshes
) -> None:
    # An earlier one is no answer.
    control.happen(cluster_pb2.EVENT_KIND_RELOAD_FAILED)
    going(control, started, finally_=cluster_pb2.EVENT_KIND_RELOAD_FINISHED)
    with control.slow():
        ran = tercet("reload")
    assert (ran.code, ran.out) == (0, "reloaded: revision 5\n")


def test_of_two_reloads_the_later_one_is_waited_for(
    tercet: Tercet, control: FakeControl, started: Meshes
) -> None:
    """Whose was which cannot be told once the control process is another."""

    def go() -> None:
        while len(control.watched_after) < 2:
            time.sleep(0.01)
        control.described.operation = ""
        control.described.revision = 6
        control.happen(cluster_pb2.EVENT_KIND_RELOAD_FINISHED)

    going(control, started, finally_=cluster_pb2.EVENT_KIND_RELOAD_FINISHED, operation="reload")
    thread = threading.Thread(target=go)
    thread.start()
    with control.slow():
        ran = tercet("reload")
    thread.join()
    assert (ran.code, ran.out) == (0, "reloaded: revision 6\n")


def test_a_reload_that_fails_later_is_told(
    tercet: Tercet, control: FakeControl, started: Meshes
) -> None:
    going(control, started, finally_=cluster_pb2.EVENT_KIND_RELOAD_FAILED)
    with control.slow():
        ran = tercet("reload")
    assert (ran.code, complaint(ran)) == (1, "tercet: no such module")


def test_a_reload_of_a_mesh_that_stops_is_69(
    tercet: Tercet, control: FakeControl, started: Meshes
) -> None:
    going(control, started, finally_=cluster_pb2.EVENT_KIND_STOPPING)
    with control.slow():
        ran = tercet("reload")
    assert (ran.code, complaint(ran)) == (69, "tercet: the mesh 11 stops")


def test_a_reload_waits_no_longer_than_it_may(tercet: Tercet, control: FakeControl) -> None:
    control.refusal = Unavailable("going")
    ran = tercet("reload", "--timeout", "0.3")
    assert ran.code == 124
    assert ran.err.startswith("tercet: it is not done after")
