"""What operators, signals and workers ask to be changed, and how it is answered."""

from __future__ import annotations

import asyncio
import itertools
import signal

import pytest

from tercet.cluster import changes as module
from tercet.cluster.messages import EventKind, Leaving, OrderKind, Pulse
from tercet.cluster.spec import CONTROL, RecycleSpec
from tests.support import eventually
from tests.unit.cluster.conftest import Start
from tests.unit.cluster.stage import gateway, mesh, service
from tests.unit.cluster.standins import rest

WORN = RecycleSpec(max_requests=100)


async def test_a_reload_is_answered_with_its_revision_by_who_was_asked(start: Start) -> None:
    stage = await start(mesh(gateway(), service("one", 2)))
    answer = await stage.reload()
    assert (answer.error, answer.text) == ("", "2")
    assert stage.serving() == [(0, 2, 2), (1, 2, 2)]
    assert stage.serving("gateway") == [(0, 2, 2)]
    assert stage.serving(CONTROL) == [(0, 2, 2)]
    assert (stage.mesh.revision, stage.description().revision) == (2, 2)
    assert [event.text for event in stage.events(EventKind.RELOAD_FINISHED)] == ["revision 2"]


async def test_a_reload_that_fails_says_why(start: Start) -> None:
    stage = await start(mesh(service()))
    answer = await stage.reload(module.Refused("tercet.toml, line 3: no"))
    assert (answer.error, answer.reason) == ("tercet.toml, line 3: no", "RELOAD_FAILED")
    assert stage.serving() == [(0, 1, 1)]
    await stage.idle()
    assert stage.description().reload_error == "tercet.toml, line 3: no"
    assert stage.mesh.revision == 1
    assert stage.events(EventKind.RELOAD_FAILED)[0].text == "tercet.toml, line 3: no"
    # The next one that succeeds has a number of its own, and what was is forgotten.
    answer = await stage.reload(mesh(service()))
    assert answer.text == "3"
    await stage.idle()
    assert stage.description().reload_error == ""
    assert stage.serving() == [(0, 2, 3)]


async def test_reloads_asked_for_during_one_are_one_more_for_all(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.reading.clear()
    for _ in range(4):
        stage.signal(signal.SIGHUP)
        await rest()
    assert stage.reads == 1
    stage.reading.set()
    await eventually(lambda: stage.serving() == [(0, 3, 3)])
    await stage.idle()
    assert stage.reads == 2


async def test_what_is_under_way_is_described(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.reading.clear()
    stage.signal(signal.SIGHUP)
    await rest()
    assert stage.description().operation == "reload"
    stage.reading.set()
    await stage.idle()
    assert stage.description().operation == ""


# -- scaled ----------------------------------------------------------------------------------


async def test_scaling_is_answered_when_it_is_done(start: Start) -> None:
    stage = await start(mesh(service()))
    assert not (await stage.ask(OrderKind.SCALE, service="one", workers=3)).error
    assert [slot for slot, _, _ in stage.serving()] == [0, 1, 2]
    assert not (await stage.ask(OrderKind.SCALE, service="one", workers=1)).error
    assert stage.serving() == [(0, 1, 1)]
    assert not (await stage.ask(OrderKind.SCALE, service="one", workers=1)).error
    await stage.idle()
    assert [event.text for event in stage.events(EventKind.SCALED)] == ["1 to 3", "3 to 1"]
    assert stage.description().services[0].workers == 1


@pytest.mark.parametrize(
    ("about", "reason", "words"),
    [
        ({"service": "nobody", "workers": 2}, "NO_SERVICE", "there is no service 'nobody'"),
        ({"service": "one", "workers": 0}, "BAD_COUNT", "1 to 1024"),
        ({"service": "one", "workers": 1025}, "BAD_COUNT", "1 to 1024"),
        ({"service": CONTROL, "workers": 2}, "BAD_COUNT", "it is one"),
        # Of the rows, one is for whoever replaces another.
        ({"service": "gateway", "workers": 4}, "BAD_COUNT", "1 to 3"),
    ],
)
async def test_what_cannot_be_scaled_is_refused(
    about: dict[str, object], reason: str, words: str, start: Start
) -> None:
    stage = await start(mesh(gateway(), service()))
    answer = await stage.ask(OrderKind.SCALE, **about)
    assert (answer.reason, words in answer.error) == (reason, True)
    assert len(stage.company.actors) == 3


async def test_what_fails_to_scale_stays_as_it_was_and_says_why(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.company.cast = lambda actor: actor.die(78)
    answer = await stage.ask(OrderKind.SCALE, service="one", workers=2)
    assert (answer.reason, "one/1: exited with 78" in answer.error) == ("SCALE_FAILED", True)
    assert stage.serving() == [(0, 1, 1)]
    assert not stage.events(EventKind.SCALED)


async def test_as_many_gateways_as_there_are_rows_can_be_replaced(start: Start) -> None:
    stage = await start(mesh(gateway(), service()))
    assert not (await stage.ask(OrderKind.SCALE, service="gateway", workers=3)).error
    assert not (await stage.reload()).error
    assert [slot for slot, _, revision in stage.serving("gateway") if revision == 2] == [0, 1, 2]


async def test_a_service_that_a_reload_removed_meanwhile_is_not_scaled(start: Start) -> None:
    stage = await start(mesh(service("one"), service("two")))
    stage.reading.clear()
    stage.next = mesh(service("one"))
    stage.signal(signal.SIGHUP)
    await rest()
    asking = asyncio.create_task(stage.ask(OrderKind.SCALE, service="two", workers=3))
    await rest()
    stage.reading.set()
    answer = await asking
    assert answer.reason == "NO_SERVICE"
    assert not stage.alive("two")
    assert len(stage.company.of("two")) == 1


# -- recycled --------------------------------------------------------------------------------


async def test_one_or_all_of_a_service_are_recycled(start: Start) -> None:
    stage = await start(mesh(service("one", 2), service("two")))
    assert not (await stage.ask(OrderKind.RECYCLE, service="one", slot=1)).error
    assert stage.serving() == [(0, 1, 1), (1, 2, 1)]
    assert not (await stage.ask(OrderKind.RECYCLE, service="one")).error
    assert stage.serving() == [(0, 2, 1), (1, 3, 1)]
    assert stage.serving("two") == [(0, 1, 1)]
    await stage.idle()
    assert [event.slot for event in stage.events(EventKind.RECYCLED)] == [1, 0, 1]


async def test_the_control_process_itself_answers_that_it_was_recycled(start: Start) -> None:
    stage = await start(mesh(service()))
    assert not (await stage.ask(OrderKind.RECYCLE, service=CONTROL)).error
    await eventually(lambda: stage.serving(CONTROL) == [(0, 2, 1)])
    assert len(stage.alive(CONTROL)) == 1


async def test_what_is_not_there_is_not_recycled(start: Start) -> None:
    stage = await start(mesh(service()))
    answer = await stage.ask(OrderKind.RECYCLE, service="one", slot=1)
    assert (answer.reason, answer.error) == ("NO_WORKER", "one has no slot 1")


async def test_one_whose_successor_fails_goes_on(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.company.cast = lambda actor: actor.die(78)
    answer = await stage.ask(OrderKind.RECYCLE, service="one", slot=0)
    assert answer.reason == "RECYCLE_FAILED"
    assert "exited with 78" in answer.error
    assert stage.serving() == [(0, 1, 1)]


async def test_slots_that_went_meanwhile_are_not_missed(start: Start) -> None:
    stage = await start(mesh(service("one", 2)))
    stage.reading.clear()
    stage.next = mesh(service("one", 1))
    stage.signal(signal.SIGHUP)
    await rest()
    asking = asyncio.create_task(stage.ask(OrderKind.RECYCLE, service="one"))
    await rest()
    stage.reading.set()
    assert not (await asking).error
    assert stage.serving() == [(0, 3, 2)]


async def test_worn_workers_are_replaced_one_at_a_time_and_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)
    stage = await start(mesh(service("one", 3, recycle=WORN)))
    together: list[int] = []
    stage.company.cast = lambda actor: together.append(len(stage.alive()))
    for actor in stage.alive():
        actor.say(Pulse(calls=100))
    await eventually(lambda: stage.serving() == [(0, 2, 1), (1, 2, 1), (2, 2, 1)])
    await stage.idle()
    assert together == [3, 3, 3]
    assert len(stage.company.of("one")) == 6
    texts = {event.text for event in stage.events(EventKind.RECYCLED)}
    assert texts == {"it has taken 100 calls"}


async def test_a_worn_one_whose_successor_fails_is_left_in_peace_for_a_while(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.005)
    monkeypatch.setattr(module, "REST", 0.5)
    stage = await start(mesh(service(recycle=WORN)))
    loop = asyncio.get_running_loop()
    tried: list[float] = []

    def fail(actor: object) -> None:
        tried.append(loop.time())
        stage.company.actors[-1].die(78)

    stage.company.cast = fail
    stage.alive()[0].say(Pulse(calls=100))
    await eventually(lambda: len(tried) == 3)
    assert all(later - earlier >= 0.5 for earlier, later in itertools.pairwise(tried))
    stage.company.cast = lambda actor: None
    await eventually(lambda: len(stage.serving()) == 1 and stage.serving()[0][1] > 2)


async def test_one_that_is_worn_and_was_sent_term_is_replaced_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)
    stage = await start(mesh(service(recycle=WORN)))
    stage.reading.clear()
    stage.signal(signal.SIGHUP)
    await rest()
    old = stage.alive()[0]
    old.say(Leaving())
    old.say(Pulse(calls=100))
    await asyncio.sleep(0.05)
    stage.next = module.Refused("not now")
    stage.reading.set()
    await eventually(lambda: stage.serving() == [(0, 2, 1)])
    await stage.idle()
    assert len(stage.company.of("one")) == 2


# -- killed ----------------------------------------------------------------------------------


async def test_killing_is_answered_and_it_comes_back(start: Start) -> None:
    stage = await start(mesh(service("one", 2)))
    assert not (await stage.ask(OrderKind.KILL, service="one", slot=1)).error
    await eventually(lambda: stage.serving() == [(0, 1, 1), (1, 2, 1)])
    # The one that was meant is gone.
    answer = await stage.ask(OrderKind.KILL, service="one", slot=1, generation=1)
    assert answer.reason == "NO_WORKER"
    assert not (await stage.ask(OrderKind.KILL, service="one", slot=1, generation=2)).error
    await eventually(lambda: stage.serving() == [(0, 1, 1), (1, 3, 1)])


async def test_killing_does_not_wait_for_what_is_under_way(start: Start) -> None:
    stage = await start(mesh(service()))
    stage.reading.clear()
    stage.signal(signal.SIGHUP)
    await rest()
    assert not (await stage.ask(OrderKind.KILL, service="one", slot=0)).error


async def test_a_bug_is_answered_too(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = await start(mesh(service()))

    async def broken(workers: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stage.crew(), "scale", broken)
    answer = await stage.ask(OrderKind.SCALE, service="one", workers=2)
    assert answer.reason == "INTERNAL"
    await rest()
    assert "failed by a bug" in caplog.text


async def test_when_the_mesh_stops_orders_are_answered_so(start: Start) -> None:
    stage = await start(mesh(service()))
    old = stage.alive()[0]
    old.stops = False
    stage.signal(signal.SIGTERM)
    await rest()
    for kind in (OrderKind.RELOAD, OrderKind.SCALE, OrderKind.RECYCLE):
        assert (await stage.ask(kind, service="one", workers=2)).reason == "STOPPING"
    old.die(0)
    assert await stage.running == 0
