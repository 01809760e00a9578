"""A supervisor from start to stop, and what signals do; actors play its workers."""

from __future__ import annotations

import asyncio
import os
import pty
import shutil
import signal
import sys

import pytest

from tercet.cluster import changes
from tercet.cluster import supervisor as module
from tercet.cluster.messages import (
    Description,
    EventKind,
    Events,
    Failed,
    Leaving,
    Order,
    OrderKind,
    Serving,
    Workers,
)
from tercet.cluster.spec import CANNOT_START, CONTROL
from tercet.cluster.states import State
from tercet.cluster.supervisor import CRASHES
from tercet.errors import TercetError
from tests.support import eventually
from tests.unit.cluster.conftest import Start
from tests.unit.cluster.stage import gateway, mesh, service
from tests.unit.cluster.standins import rest

# -- start -----------------------------------------------------------------------------------


async def test_it_is_ready_when_all_are(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    stage = await start(mesh(gateway(2), service("one", 2), service("two"), hints=["a hint"]))
    assert [len(stage.serving(name)) for name in ("gateway", "one", "two", CONTROL)] == [2, 2, 1, 1]
    await eventually(lambda: "a hint" in capfd.readouterr().out)


async def test_gateways_and_the_control_process_are_told_who_the_workers_are(
    start: Start,
) -> None:
    stage = await start(mesh(gateway(), service()))
    told = [stage.control, *stage.alive("gateway")]
    for actor in told:
        assert [record.state for record in actor.lists[-1].workers] == [State.READY] * 3
        versions = [each.version for each in actor.lists]
        assert versions == sorted(set(versions))
    assert not stage.alive("one")[0].lists


async def test_the_control_process_never_misses_an_event(start: Start) -> None:
    stage = await start(mesh(service()))
    for _ in range(3):
        old = stage.control
        kinds = [type(message) for message in old.heard]
        # First what was before it.
        assert kinds.index(Events) < kinds.index(Description) < kinds.index(Workers)
        stage.alive()[0].signal(signal.SIGKILL)
        await stage.ready()
        numbers = [event.sequence for event in stage.events()]
        assert stage.told_of(old) == numbers == list(range(1, len(numbers) + 1))
        old.signal(signal.SIGKILL)
        await rest()
        await stage.ready()
    kinds_of_events = {event.kind for event in stage.events() if event.service == CONTROL}
    assert EventKind.WORKER_READY in kinds_of_events


async def test_one_that_can_never_start_ends_the_first_start(start: Start) -> None:
    stage = await start(mesh(service("one"), service("bad")), wait=False)
    stage.company.cast = lambda actor: setattr(actor, "binds", actor.name != "bad/0")
    await eventually(lambda: bool(stage.company.of("bad")))
    (bad,) = stage.company.of("bad")
    bad.say(Failed("no module named nobody"))
    await rest()
    bad.die(CANNOT_START)
    assert await stage.running == CANNOT_START
    assert not stage.company.on_stage()
    assert len(stage.company.of("bad")) == 1


async def test_later_it_is_tried_again(start: Start) -> None:
    stage = await start(mesh(service()))
    await rest()
    for _ in range(2):
        stage.alive()[0].die(CANNOT_START)
        await rest()
        await stage.ready()
    assert not stage.running.done()


async def test_a_service_that_crashes_and_crashes_ends_the_mesh(start: Start) -> None:
    stage = await start(mesh(service(), crash_limit=3))
    for _ in range(3):
        await eventually(lambda: bool(stage.serving()) or stage.running.done())
        stage.alive()[0].die(1)
        await rest()
    assert await stage.running == CRASHES
    assert not stage.company.on_stage()


async def test_one_that_is_killed_is_not_taken_for_a_crash(start: Start) -> None:
    stage = await start(mesh(service(), crash_limit=1))
    for generation in range(2, 6):
        stage.alive()[0].signal(signal.SIGKILL)
        await eventually(lambda: stage.serving() == [(0, generation, 1)])  # noqa: B023


async def test_the_mesh_is_ready_though_a_reload_took_away_what_never_was(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    stage = await start(mesh(service(), service("bad"), hints=["a hint"]), wait=False)
    stage.company.serves = lambda spec: spec.service != "bad"
    await eventually(lambda: bool(stage.serving()) and bool(stage.serving(CONTROL)))
    await rest()
    assert "a hint" not in capfd.readouterr().out
    answer = await stage.reload(mesh(service(), hints=["a hint"]))
    assert not answer.error
    await eventually(lambda: "a hint" in capfd.readouterr().out)


# -- stop ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_gateways_stop_first_and_the_control_process_last(
    number: signal.Signals, start: Start
) -> None:
    stage = await start(mesh(gateway(2), service("one", 2), grace=7.0))
    for actor in stage.company.actors:
        actor.stops = False
    stage.signal(number)
    for name in ("gateway", "one", CONTROL):
        await rest()
        told = {actor.name.split("/")[0] for actor in stage.company.actors if actor.told_to_stop}
        assert sorted(told) == sorted(("gateway", "one", CONTROL)[: len(told)])
        for actor in stage.alive(name):
            assert 6.0 < actor.told_to_stop[0] <= 7.0
            actor.die(0)
    assert await stage.running == 0
    assert stage.events()[-1].kind is EventKind.WORKER_EXITED
    assert stage.events(EventKind.STOPPING)


async def test_what_dies_before_its_turn_to_stop_is_still_replaced(start: Start) -> None:
    stage = await start(mesh(gateway(), service()))
    stage.alive("gateway")[0].stops = False
    stage.signal(signal.SIGTERM)
    await rest()
    stage.alive("one")[0].signal(signal.SIGKILL)
    await eventually(lambda: stage.serving() == [(0, 2, 1)])
    stage.alive("gateway")[0].die(0)
    assert await stage.running == 0


async def test_told_twice_it_kills_and_nobody_comes_back(start: Start) -> None:
    stage = await start(mesh(gateway(), service("one", 2)))
    for actor in stage.company.actors:
        actor.stops = False
        actor.ignores = {signal.SIGTERM}
    stage.signal(signal.SIGTERM)
    await rest()
    started = len(stage.company.actors)
    stage.signal(signal.SIGINT)
    assert await asyncio.wait_for(stage.running, 5.0) == 0
    assert len(stage.company.actors) == started
    assert all(actor.signals[-1] is signal.SIGKILL for actor in stage.company.actors)


async def test_quit_gives_no_grace(start: Start) -> None:
    stage = await start(mesh(gateway(), service()))
    stage.signal(signal.SIGQUIT)
    assert await stage.running == 0
    assert all(actor.told_to_stop == [0.0] for actor in stage.company.actors)


async def test_it_stops_while_a_worker_is_being_replaced(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.company.binds = stage.company.stops = stage.alive()[0].stops = False
    stage.signal(signal.SIGHUP)
    await eventually(lambda: len(stage.alive()) == 2)
    stage.signal(signal.SIGTERM)
    await rest()
    old, new = stage.alive()
    old.die(0)
    await rest()
    new.die(0)
    await rest()
    assert await asyncio.wait_for(stage.running, 5.0) == 0


async def test_a_reload_that_reads_while_the_mesh_stops_starts_nobody(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.alive()[0].stops = False
    stage.reading.clear()
    stage.next = mesh(service(), service("two"))
    stage.signal(signal.SIGHUP)
    await rest()
    stage.signal(signal.SIGTERM)
    await rest()
    stage.reading.set()
    await rest()
    stage.alive()[0].die(0)
    assert await asyncio.wait_for(stage.running, 5.0) == 0
    assert not stage.company.of("two")


async def test_it_stops_while_a_reload_waits_for_a_new_service(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.company.binds = False
    stage.next = mesh(service(), service("two", bind="127.0.0.1:0"))
    stage.signal(signal.SIGHUP)
    await eventually(lambda: bool(stage.alive("two")))
    stage.signal(signal.SIGTERM)
    assert await asyncio.wait_for(stage.running, 5.0) == 0
    assert not stage.company.on_stage()


# -- other signals ---------------------------------------------------------------------------


async def test_hup_reloads(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.signal(signal.SIGHUP)
    await stage.idle()
    await eventually(lambda: stage.serving() == [(0, 2, 2)])
    assert not stage.running.done()


async def test_hup_stops_it_when_the_terminal_is_gone(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await start(mesh(service()))
    master, slave = pty.openpty()
    try:
        monkeypatch.setattr(module, "STREAMS", (slave,))
        stage.signal(signal.SIGHUP)
        await stage.idle()
        assert not stage.running.done()
        assert stage.reads == 1
        os.close(master)
        stage.signal(signal.SIGHUP)
        assert await stage.running == 0
    finally:
        os.close(slave)


def test_what_is_no_terminal_is_not_one_that_is_gone() -> None:
    read, write = os.pipe()
    assert not module._is_gone(read)
    os.close(read)
    assert not module._is_gone(read)
    assert not module._is_gone(write)
    os.close(write)
    assert sys.stdin is None or not module._is_gone(2**20)


async def test_usr1_is_passed_on(start: Start) -> None:
    stage = await start(mesh(gateway(), service("one", 2)))
    for actor in stage.company.actors:
        actor.ignores = {signal.SIGUSR1}
    stage.signal(signal.SIGUSR1)
    assert [actor.signals for actor in stage.company.actors] == [[signal.SIGUSR1]] * 4


async def test_ttin_and_ttou_scale_what_is_meant_by_them(start: Start) -> None:
    stage = await start(mesh(service(scaled_by_signal=True), service("two")))
    stage.signal(signal.SIGTTIN)
    stage.signal(signal.SIGTTIN)
    await eventually(lambda: len(stage.serving()) == 3)
    await stage.idle()
    assert len(stage.serving("two")) == 1
    for _ in range(4):
        stage.signal(signal.SIGTTOU)
    await eventually(lambda: len(stage.serving()) == 1)
    await stage.idle()
    # One is left, whatever is asked for.
    assert stage.serving() == [(0, 1, 1)]


async def test_signals_that_came_during_a_reload_count_all_the_same(start: Start) -> None:
    stage = await start(mesh(service(scaled_by_signal=True)))
    stage.reading.clear()
    stage.signal(signal.SIGHUP)
    await rest()
    for _ in range(3):
        stage.signal(signal.SIGTTIN)
    await rest()
    assert len(stage.serving()) == 1
    stage.reading.set()
    await eventually(lambda: len(stage.serving()) == 4)


# -- what workers say ------------------------------------------------------------------------


async def test_a_worker_that_somebody_has_sent_term_is_replaced(start: Start) -> None:
    stage = await start(mesh(service("one", 2)))
    old = stage.alive()[1]
    old.say(Leaving())
    await eventually(lambda: stage.serving() == [(0, 1, 1), (1, 2, 1)])
    await stage.idle()
    assert old.told_to_stop
    assert stage.events(EventKind.RECYCLED)[0].text == "it was sent TERM"


async def test_one_that_a_reload_replaces_meanwhile_is_replaced_once(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.reading.clear()
    stage.signal(signal.SIGHUP)
    await rest()
    stage.alive()[0].say(Leaving())
    await rest()
    stage.reading.set()
    await eventually(lambda: stage.serving() == [(0, 2, 2)])
    await stage.idle()
    assert len(stage.company.of("one")) == 2
    assert not stage.events(EventKind.RECYCLED)


async def test_a_list_is_settled_before_a_worker_is_told_to_stop(start: Start) -> None:
    stage = await start(mesh(gateway(2), service()))
    for actor in stage.alive("gateway"):
        actor.acknowledges = False
    old = stage.alive()[0]
    old.say(Leaving())
    await eventually(lambda: stage.serving() == [(0, 2, 1)])
    await rest()
    first, second = stage.alive("gateway")
    for each in (first, second):
        assert not old.told_to_stop
        stage.supervisor._mesh.publisher.acknowledged(
            next(life for life in stage.mesh.lives() if life.pid == each.pid),
            each.lists[-1].version,
        )
        await rest()
    await eventually(lambda: old.is_over)
    for actor in (first, second):
        actor.acknowledges = True


async def test_workers_speak_of_themselves_alone(start: Start) -> None:
    stage = await start(mesh(service("one"), service("two")))
    stage.company.serves = lambda record: record.service != "two"
    stage.alive("two")[0].die(1)
    await eventually(lambda: len(stage.company.of("two")) == 2)
    await rest()
    actor = stage.alive("one")[0]
    actor.say(Serving("two", 0, 2))
    await rest()
    assert not stage.serving("two")
    actor.say(Order(number=1, kind=OrderKind.KILL, service="two", slot=0))
    await rest()
    assert not stage.company.of("two")[1].is_over
    # It said nothing that harms it.
    assert stage.serving("one")


async def test_one_that_was_sent_term_goes_although_another_try_had_to_be_made(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "REST", 0.0)
    monkeypatch.setattr(changes, "LOOK", 0.01)
    stage = await start(mesh(service()))
    old = stage.alive()[0]
    stage.company.binds = False
    old.say(Leaving())
    await eventually(lambda: len(stage.company.of("one")) == 2)
    await rest()
    assert not old.told_to_stop
    stage.company.binds = True
    stage.company.of("one")[1].die(1)
    await eventually(lambda: stage.serving() == [(0, 3, 1)])
    await eventually(lambda: old.is_over)
    assert old.told_to_stop


async def test_a_term_counts_although_one_before_it_is_not_answered_yet(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.reading.clear()
    stage.signal(signal.SIGHUP)
    await rest()
    first = stage.alive()[0]
    first.say(Leaving())
    await rest()
    first.die(-signal.SIGKILL)
    await eventually(lambda: stage.serving() == [(0, 2, 1)])
    stage.alive()[0].say(Leaving())
    await rest()
    stage.next = TercetError("broken")
    stage.reading.set()
    await eventually(lambda: stage.serving() == [(0, 3, 1)])


async def test_nothing_begins_once_it_is_told_to_stop(start: Start) -> None:
    stage = await start(mesh(service(scaled_by_signal=True)))
    stage.signal(signal.SIGTTIN)
    stage.signal(signal.SIGTERM)
    await asyncio.wait([stage.running])
    assert len(stage.company.of("one")) == 1


async def test_a_reload_makes_whole_what_somebody_has_removed(start: Start) -> None:
    stage = await start(mesh(service()))
    folder = stage.mesh.runtime.path
    shutil.rmtree(folder)
    stage.signal(signal.SIGHUP)
    await eventually(lambda: stage.serving(CONTROL) == [(0, 2, 2)])
    assert (folder / "control.sock").is_socket()
    assert stage.control.descriptors
