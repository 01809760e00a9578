"""The slots of one service; actors play its workers, and its doors write down what is done."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tercet.cluster.crew import Crew
from tercet.cluster.doors import Doors
from tercet.cluster.plan import Plan
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.slot import NotReplaced
from tercet.cluster.spec import MeshSpec, ServiceSpec
from tercet.cluster.states import State
from tercet.cluster.surroundings import Surroundings
from tercet.errors import ConfigError
from tests.unit.cluster.standins import Actor, Clock, Company, rest

MESH = MeshSpec(services=[], grace=10.0, hang_timeout=0.0)


class Log(Doors):
    """Doors of which each slot has one, and which tell what they were asked."""

    def __init__(self, name: str, log: list[str], slots: int = 0) -> None:
        self.name = name
        self.shown = name
        self.log = log
        self.open = set(range(slots))
        self.away: set[int] = set()
        self.most = 1000
        self.emptied = asyncio.Event()
        self.emptied.set()
        self.closed = False

    def slots(self) -> set[int]:
        return set(self.open)

    def add(self, slot: int) -> None:
        if slot in self.open:
            return
        if slot >= self.most:
            raise ConfigError("there is no port", reason="BIND_FAILED")
        self.open.add(slot)
        self.log.append(f"{self.name} add {slot}")

    def descriptors(self, slot: int) -> list[int]:
        assert slot in self.open
        return [1000 + slot]

    def steer(self, away: Collection[int]) -> None:
        if set(away) != self.away:
            self.away = set(away)
            self.log.append(f"{self.name} away {sorted(away)}")

    async def empty(self, slot: int) -> None:
        self.log.append(f"{self.name} empty {slot}")
        await self.emptied.wait()

    def remove(self, slot: int) -> None:
        if slot in self.open:
            self.open.remove(slot)
            self.log.append(f"{self.name} remove {slot}")

    def close(self) -> None:
        self.closed = True


@dataclass
class Stage:
    crew: Crew
    doors: Log
    company: Company
    # What was done, in order.
    log: list[str] = field(default_factory=list)
    # Whether a worker serves as soon as it listens.
    serves: Callable[[Actor], bool] = lambda actor: True

    async def start(self) -> None:
        self.crew.start()
        await self.rest()

    async def rest(self) -> None:
        """Until nothing more happens by itself."""
        for _ in range(4):
            await rest()
            for slot in self.crew.all_slots():
                for life in slot.lives():
                    played = self.company.played("one", slot.number, life.spec.generation)
                    if life.is_bound and not played.is_over and self.serves(played):
                        slot.serving(life.spec.generation)
        await rest()

    def states(self) -> list[list[tuple[int, int, State]]]:
        """Of each slot, its workers' generations, revisions and states."""
        return [
            [(record.generation, record.revision, record.state) for record in slot.records()]
            for slot in self.crew.slots
        ]

    def plan(self, revision: int = 2, doors: Doors | None = None) -> Plan:
        return replace(self.crew.plan, revision=revision, doors=doors or self.doors)


Begin = Callable[..., Stage]


@pytest.fixture
async def begin(company: Company, tmp_path: Path) -> AsyncIterator[Begin]:
    made: list[Stage] = []
    runtime = RuntimeDir(tmp_path)

    def stage(workers: int = 2) -> Stage:
        log: list[str] = []
        service = ServiceSpec(name="one", target="nobody:register", workers=workers)
        doors = Log("doors", log)
        it: Stage

        async def settled() -> None:
            log.append("settled")

        def cast(actor: Actor) -> None:
            hear = actor._hear

            def heard(message: object) -> None:
                if type(message).__name__ == "Stop":
                    log.append(f"stop {actor.name}")
                hear(message)  # type: ignore[arg-type]

            actor.link._on_message = heard

        company.cast = cast
        surroundings = Surroundings(MESH, runtime, changed=lambda: it.crew.steer(), settled=settled)
        plan = Plan(service=service, revision=1, engine="native", doors=doors, starter=company)
        it = Stage(Crew(plan, surroundings), doors, company, log)
        made.append(it)
        return it

    yield stage
    for it in made:
        it.crew.stop(0.0)
        for actor in company.on_stage():
            actor.die(0)
        await it.crew.ended()
        it.crew.close()
    runtime.close()


READY_1 = [(1, 1, State.READY)]


async def test_it_starts_as_many_as_the_plan_says(begin: Begin) -> None:
    stage = begin(3)
    await stage.start()
    assert stage.states() == [READY_1] * 3
    assert stage.doors.open == {0, 1, 2}
    assert stage.doors.away == set()
    assert (stage.crew.record().workers, stage.crew.record().bind) == (3, "doors")


async def test_new_connections_go_to_where_somebody_takes_them(begin: Begin) -> None:
    stage = begin(3)
    await stage.start()
    stage.company.of("one", 1)[0].signal(signal.SIGKILL)
    await rest()
    assert stage.doors.away == {1}
    await stage.rest()
    assert stage.doors.away == set()


async def test_sockets_without_a_slot_get_no_connections(begin: Begin) -> None:
    stage = begin(1)
    stage.doors.open = {0, 1, 2}
    await stage.start()
    assert stage.doors.away == {1, 2}


async def test_it_is_filled_when_all_serve(begin: Begin) -> None:
    stage = begin(2)
    stage.serves = lambda actor: actor.spec.slot == 0
    filling = asyncio.create_task(stage.crew.fill())
    await stage.rest()
    assert not filling.done()
    stage.serves = lambda actor: True
    await stage.rest()
    await filling


async def test_it_is_not_filled_when_one_fails(begin: Begin) -> None:
    stage = begin(2)
    filling = asyncio.create_task(stage.crew.fill())
    await rest()
    stage.company.of("one", 1)[0].die(78)
    await stage.rest()
    with pytest.raises(NotReplaced, match="one/1: exited with 78"):
        await filling


# -- scaled ----------------------------------------------------------------------------------


async def test_more_of_them_serve_before_it_is_scaled_up(begin: Begin) -> None:
    stage = begin(1)
    await stage.start()
    stage.serves = lambda actor: False
    scaling = asyncio.create_task(stage.crew.scale(3))
    await stage.rest()
    # Nobody is sent to where nobody is yet.
    assert (scaling.done(), stage.doors.away) == (False, {1, 2})
    stage.serves = lambda actor: True
    await stage.rest()
    await scaling
    assert stage.states() == [READY_1] * 3
    assert (stage.doors.away, stage.crew.record().workers) == (set(), 3)


async def test_what_cannot_be_scaled_up_is_taken_back(begin: Begin) -> None:
    stage = begin(1)
    await stage.start()
    stage.serves = lambda actor: actor.spec.slot < 2
    scaling = asyncio.create_task(stage.crew.scale(4))
    await stage.rest()
    stage.company.of("one", 2)[0].die(78)
    with pytest.raises(NotReplaced, match="one/2: exited with 78"):
        await scaling
    assert stage.states() == [READY_1]
    assert (stage.doors.open, stage.crew.record().workers) == ({0}, 1)
    assert len(stage.crew.keepers()) == 1
    assert len(stage.company.on_stage()) == 1
    assert not stage.company.of("one", 0)[0].told_to_stop
    # It can be tried again, and no path is used again.
    stage.serves = lambda actor: True
    scaling = asyncio.create_task(stage.crew.scale(3))
    await stage.rest()
    await scaling
    assert stage.states() == [READY_1, [(2, 1, State.READY)], [(2, 1, State.READY)]]


async def test_without_a_socket_for_one_there_are_as_many_as_before(begin: Begin) -> None:
    stage = begin(1)
    await stage.start()
    stage.doors.most = 2
    with pytest.raises(ConfigError, match="there is no port"):
        await stage.crew.scale(4)
    assert (len(stage.crew.slots), stage.crew.wanted, stage.doors.open) == (1, 1, {0})
    assert len(stage.company.on_stage()) == 1


async def test_they_are_scaled_down_in_order(begin: Begin) -> None:
    stage = begin(2)
    await stage.start()
    stage.log.clear()
    await stage.crew.scale(1)
    assert stage.log == [
        "doors away [1]",
        "settled",
        "doors empty 1",
        "settled",
        "stop one/1",
        "doors remove 1",
        "doors away []",
    ]
    assert stage.states() == [READY_1]


async def test_the_highest_go_together_and_the_others_are_left_alone(begin: Begin) -> None:
    stage = begin(4)
    await stage.start()
    stage.doors.emptied.clear()
    scaling = asyncio.create_task(stage.crew.scale(2))
    await rest()
    # They are still told of while they drain.
    assert [slot.number for slot in stage.crew.all_slots()] == [0, 1, 2, 3]
    assert stage.doors.away == {2, 3}
    stage.doors.emptied.set()
    await scaling
    assert [slot.number for slot in stage.crew.all_slots()] == [0, 1]
    assert stage.doors.open == {0, 1}
    assert [bool(actor.told_to_stop) for actor in stage.company.actors] == [
        False,
        False,
        True,
        True,
    ]


async def test_deaths_during_a_scale_down_do_no_harm(begin: Begin) -> None:
    stage = begin(3)
    await stage.start()
    stage.doors.emptied.clear()
    scaling = asyncio.create_task(stage.crew.scale(1))
    await rest()
    for slot in (0, 2):
        stage.company.of("one", slot)[0].signal(signal.SIGKILL)
    await stage.rest()
    assert stage.states() == [[(2, 1, State.READY)]]
    assert not scaling.done()
    stage.doors.emptied.set()
    await stage.rest()
    await scaling
    # Who was to go is not restarted.
    assert len(stage.company.of("one", 2)) == 1
    assert stage.doors.open == {0}


async def test_numbers_of_generations_are_not_used_again(begin: Begin) -> None:
    stage = begin(2)
    await stage.start()
    for generation in (2, 3):
        await stage.crew.scale(1)
        scaling = asyncio.create_task(stage.crew.scale(2))
        await stage.rest()
        await scaling
        assert stage.states()[1] == [(generation, 1, State.READY)]


async def test_the_mesh_may_stop_while_one_is_added(begin: Begin) -> None:
    stage = begin(1)
    await stage.start()
    stage.serves = lambda actor: False
    scaling = asyncio.create_task(stage.crew.scale(2))
    await stage.rest()
    stage.crew.stop(1.0)
    await asyncio.wait_for(stage.crew.ended(), 5.0)
    with pytest.raises(NotReplaced):
        await scaling
    assert not stage.company.on_stage()


# -- replaced --------------------------------------------------------------------------------


async def test_they_are_replaced_one_after_another(begin: Begin) -> None:
    stage = begin(3)
    await stage.start()
    stage.company.stops = False
    plan = stage.plan()
    replacing = asyncio.create_task(stage.crew.replace(plan))
    seen = []
    while not replacing.done():
        await stage.rest()
        revisions = [[record[1] for record in slot] for slot in stage.states()]
        if not seen or seen[-1] != revisions:
            seen.append(revisions)
        for actor in stage.company.on_stage():
            if actor.told_to_stop:
                actor.die(0)
    await replacing
    assert stage.states() == [[(2, 2, State.READY)]] * 3
    assert stage.crew.plan is plan
    # Never are there more than one beside those that there are to be.
    assert all(sum(map(len, revisions)) <= 4 for revisions in seen)
    assert not stage.doors.closed


async def test_when_the_second_fails_the_first_stays_and_the_others_go_on(begin: Begin) -> None:
    stage = begin(3)
    await stage.start()
    old = stage.crew.plan
    stage.serves = lambda actor: actor.spec.slot == 0
    replacing = asyncio.create_task(stage.crew.replace(stage.plan()))
    await stage.rest()
    stage.company.of("one", 1)[1].die(78)
    with pytest.raises(NotReplaced, match="one/1"):
        await replacing
    assert stage.states() == [[(2, 2, State.READY)], READY_1, READY_1]
    assert stage.crew.plan is old
    assert len(stage.company.of("one", 2)) == 1
    # Whoever dies comes back as what it was.
    for slot in (0, 1):
        stage.company.of("one", slot)[-1].signal(signal.SIGKILL)
        await rest()
    stage.serves = lambda actor: True
    await stage.rest()
    assert stage.states()[0][0][1:] == (2, State.READY)


async def test_recycling_replaces_one_by_its_own_plan(begin: Begin) -> None:
    stage = begin(2)
    await stage.start()
    recycling = asyncio.create_task(stage.crew.recycle(stage.crew.slots[1]))
    await stage.rest()
    await recycling
    assert stage.states() == [READY_1, [(2, 1, State.READY)]]


# -- moved to another address ----------------------------------------------------------------


async def test_at_another_address_nobody_is_sent_to_where_nobody_is_yet(begin: Begin) -> None:
    stage = begin(2)
    await stage.start()
    # More than there are, as the configuration may say.
    other = Log("other", stage.log, slots=4)
    stage.serves = lambda actor: actor.spec.slot == 0
    replacing = asyncio.create_task(stage.crew.replace(stage.plan(doors=other)))
    await stage.rest()
    assert (other.away, stage.doors.away) == ({1, 2, 3}, {0})
    assert not stage.doors.closed
    stage.serves = lambda actor: True
    await stage.rest()
    await replacing
    assert other.away == {2, 3}
    assert (stage.doors.closed, other.closed) == (True, False)
    assert stage.crew.all_doors() == [other]


async def test_there_as_many_sockets_are_made_as_there_are_slots(begin: Begin) -> None:
    stage = begin(1)
    await stage.start()
    scaling = asyncio.create_task(stage.crew.scale(3))
    await stage.rest()
    await scaling
    other = Log("other", stage.log, slots=1)
    replacing = asyncio.create_task(stage.crew.replace(stage.plan(doors=other)))
    await stage.rest()
    await replacing
    assert other.open == {0, 1, 2}
    assert [actor.spec.listeners for actor in stage.company.on_stage()] == [[1000], [1001], [1002]]


async def test_one_that_could_not_be_moved_restarts_where_it_was(begin: Begin) -> None:
    stage = begin(2)
    await stage.start()
    other = Log("other", stage.log)
    stage.serves = lambda actor: actor.spec.slot == 0
    replacing = asyncio.create_task(stage.crew.replace(stage.plan(doors=other)))
    await stage.rest()
    stage.company.of("one", 1)[1].die(78)
    with pytest.raises(NotReplaced):
        await replacing
    assert stage.crew.all_doors() == [stage.doors, other]
    assert (stage.doors.closed, other.closed) == (False, False)
    binds = [slot.records()[0].bind for slot in stage.crew.slots]
    assert binds == ["other", "doors"]
    stage.serves = lambda actor: True
    stage.company.of("one", 1)[0].signal(signal.SIGKILL)
    await stage.rest()
    assert [slot.records()[0].bind for slot in stage.crew.slots] == binds
    assert (other.away, stage.doors.away) == ({1}, {0})
    # What is tried again finds the address open.
    plan = stage.plan(3, other)
    assert stage.crew.doors_for(plan.service.bind, "grpcio") is None
    replacing = asyncio.create_task(stage.crew.replace(plan))
    await stage.rest()
    await replacing
    assert stage.crew.all_doors() == [other]
    assert stage.doors.closed


# -- ended -----------------------------------------------------------------------------------


async def test_it_is_retired_as_a_whole(begin: Begin) -> None:
    stage = begin(2)
    await stage.start()
    await stage.crew.retire()
    assert not stage.company.on_stage()
    assert (stage.crew.all_slots(), stage.crew.keepers(), stage.doors.closed) == ([], [], True)
    assert all(actor.told_to_stop == [MESH.grace] for actor in stage.company.actors)


async def test_it_stops_with_those_that_are_about_to_go(begin: Begin, clock: Clock) -> None:
    stage = begin(2)
    await stage.start()
    stage.doors.emptied.clear()
    scaling = asyncio.create_task(stage.crew.scale(1))
    await rest()
    stage.crew.stop(1.0)
    await asyncio.wait_for(stage.crew.ended(), 5.0)
    await scaling
    assert not stage.company.on_stage()
