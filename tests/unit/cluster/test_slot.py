"""One slot without a mesh around it; actors play its workers."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tercet.cluster import region as layout
from tercet.cluster import slot as module
from tercet.cluster.doors import Doors
from tercet.cluster.messages import Bound, EventKind, Failed, Message, Pulse, WorkerRecord
from tercet.cluster.plan import Plan
from tercet.cluster.publisher import Publisher
from tercet.cluster.region import Rows
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.slot import NotReplaced, Slot
from tercet.cluster.spec import CONTROL, MeshSpec, RecycleSpec, ServiceSpec
from tercet.cluster.states import State
from tercet.cluster.surroundings import Surroundings
from tests.support import eventually
from tests.unit.cluster.standins import Actor, Clock, Company, rest

MESH = MeshSpec(services=[], grace=10.0)
SERVICE = ServiceSpec(name="one", target="nobody:register", workers=1)


@dataclass
class Stage:
    """A slot, and what its surroundings were told."""

    slot: Slot
    company: Company
    runtime: RuntimeDir
    surroundings: Surroundings
    plan: Plan
    # Each list that was published.
    lists: list[list[WorkerRecord]] = field(default_factory=list)
    events: list[tuple[EventKind, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    # Generations, and whether they were to go.
    exits: list[tuple[int, bool]] = field(default_factory=list)
    said: list[Message] = field(default_factory=list)
    # Codes and deaths in a row that were weighed.
    weighed: list[tuple[int, int]] = field(default_factory=list)
    gives_up: bool = False
    # When clear, gateways do not acknowledge.
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    settling: int = 0
    keeper: asyncio.Task[None] | None = None

    def keep(self) -> None:
        self.keeper = asyncio.create_task(self.slot.keep())

    @property
    def current(self) -> Actor:
        life = self.slot.current
        assert life
        return self.company.played(life.spec.service, 0, life.spec.generation)

    async def fill(self) -> Actor:
        """Has it kept, and filled by one that serves."""
        if not self.keeper:
            self.keep()
        await self.come()
        return self.current

    async def come(self) -> None:
        """Whoever was started last serves."""
        await rest()
        self.slot.serving(self.slot.generation)
        await rest()

    def states(self) -> list[tuple[int, State]]:
        return [(record.generation, record.state) for record in self.slot.records()]


Begin = Callable[..., Stage]


@pytest.fixture
def rows() -> Iterator[Rows]:
    made = Rows(1)
    yield made
    made.close()


@pytest.fixture
async def begin(company: Company, tmp_path: Path, rows: Rows) -> AsyncIterator[Begin]:
    made: list[Stage] = []

    def stage(
        service: ServiceSpec = SERVICE, *, mesh: MeshSpec = MESH, rows: Rows | None = None
    ) -> Stage:
        runtime = RuntimeDir(tmp_path)
        it: Stage

        async def settled() -> None:
            it.settling += 1
            publisher.publish()
            await it.acknowledged.wait()

        def records() -> list[WorkerRecord]:
            it.lists.append(it.slot.records())
            return it.lists[-1]

        def tell(kind: EventKind, **about: Any) -> None:
            it.events.append((kind, about["generation"]))
            it.texts.append(about["text"])
            if kind is EventKind.WORKER_EXITED:
                it.exits.append((about["generation"], about["planned"]))
            else:
                assert not about["planned"]

        def give_up(slot: Slot, code: int, deaths: int) -> bool:
            it.weighed.append((code, deaths))
            return it.gives_up

        publisher = Publisher(records, list)
        surroundings = Surroundings(
            mesh,
            runtime,
            rows=rows,
            changed=publisher.changed,
            heard=lambda life, message: it.said.append(message),
            tell=tell,
            settled=settled,
            give_up=give_up,
        )
        plan = Plan(service=service, revision=1, engine="native", starter=company)
        slot = Slot(plan, 0, surroundings, generations=itertools.count(1), cpu=2)
        it = Stage(slot, company, runtime, surroundings, plan)
        it.acknowledged.set()
        made.append(it)
        return it

    yield stage
    for it in made:
        it.acknowledged.set()
        it.slot.stop(0.0)
        for actor in company.on_stage():
            actor.die(0)
        await it.slot.empty()
        if it.keeper:
            await it.keeper
        it.runtime.close()


def successor(stage: Stage) -> Plan:
    return replace(stage.plan, revision=stage.plan.revision + 1)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


# -- being filled ----------------------------------------------------------------------------


async def test_it_is_filled_and_told_of(begin: Begin) -> None:
    stage = begin()
    stage.keep()
    await rest()
    assert stage.states() == [(1, State.STARTING)]
    assert not stage.slot.ready.is_set()
    assert not stage.slot.accepts
    await stage.come()
    assert stage.states() == [(1, State.READY)]
    assert stage.slot.ready.is_set()
    assert stage.slot.accepts
    assert stage.said == [Bound(["one.Service"])]
    assert stage.events == [(EventKind.WORKER_STARTED, 1), (EventKind.WORKER_READY, 1)]
    spec = stage.current.spec
    assert (spec.slot, spec.generation, spec.revision, spec.cpu) == (0, 1, 1, -1)
    assert spec.address == stage.runtime.socket("one", 0, 1)


async def test_serving_is_believed_of_who_is_meant_alone(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    stage.current.die(1)
    await eventually(lambda: stage.slot.generation == 2)
    await rest()
    stage.slot.serving(1)
    assert stage.states() == [(2, State.STARTING)]


@pytest.mark.parametrize("pin", [True, False])
async def test_it_may_be_pinned(pin: bool, begin: Begin) -> None:
    stage = begin(ServiceSpec(name="one", target="nobody:register", workers=1, pin=pin))
    await stage.fill()
    assert stage.current.spec.cpu == (2 if pin else -1)


async def test_it_inherits_what_its_plan_has(begin: Begin) -> None:
    class Some(Doors):
        private = True
        shown = "1.2.3.4:5"

        def descriptors(self, slot: int) -> list[int]:
            return [70 + slot]

        def further(self, slot: int) -> list[int]:
            return [80]

    stage = begin()
    stage.slot.plan = replace(stage.plan, doors=Some())
    await stage.fill()
    spec = stage.current.spec
    assert (spec.listeners, spec.inherited, spec.address_inherited) == ([70], [80], True)
    assert stage.current.descriptors == (70, 80)
    assert stage.slot.records()[0].bind == "1.2.3.4:5"


async def test_a_shortage_of_the_machine_is_waited_out(begin: Begin, clock: Clock) -> None:
    stage = begin()
    stage.company.error = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    before = descriptors()
    stage.keep()
    for _ in range(3):
        await clock.go_on(1.0)
    (now,) = stage.slot.records()
    assert (now.state, now.pid, now.restarts) == (State.GONE, 0, len(stage.weighed))
    assert len(stage.weighed) >= 3
    assert now.retry
    assert now.last_exit == "could not be started: Resource temporarily unavailable"
    assert descriptors() == before
    stage.company.error = None
    await clock.go_on(15.0)
    await stage.come()
    assert stage.slot.ready.is_set()


async def test_one_that_cannot_be_watched_is_not_left_running(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", no_descriptor)
    stage = begin()
    stage.slot.plan = replace(stage.plan, starter=None)
    before = descriptors()
    stage.keep()
    await eventually(lambda: bool(stage.weighed))
    assert "Too many open files" in stage.slot.records()[0].last_exit
    stage.slot.stop(1.0)
    assert stage.keeper
    await stage.keeper
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # noqa: ASYNC222


async def test_one_that_dies_is_replaced_after_a_backoff_that_grows(
    begin: Begin, clock: Clock
) -> None:
    stage = begin()
    await stage.fill()
    for death, delay in enumerate((0.1, 0.2, 0.4, 0.8), start=1):
        stage.current.lived = 1.0
        stage.current.die(3)
        await rest()
        assert stage.slot.failed.is_set()
        assert not stage.slot.ready.is_set()
        (record,) = stage.slot.records()
        assert (record.state, record.restarts, record.pid) == (State.GONE, death, 0)
        assert record.last_exit == "exited with 3"
        assert record.retry > 0
        await clock.go_on(delay * 0.7)
        assert stage.slot.generation == death
        await clock.go_on(delay * 0.4)
        assert stage.slot.generation == death + 1
        assert stage.slot.records()[0].retry == 0
        await stage.come()
        assert not stage.slot.failed.is_set()
    assert stage.weighed == [(3, 1), (3, 2), (3, 3), (3, 4)]


async def test_a_death_after_a_long_life_is_answered_at_once(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    stage.current.die(3)
    await eventually(lambda: stage.slot.generation == 2)
    await stage.come()
    stage.current.lived = 60.0
    stage.current.die(3)
    await rest()
    assert stage.slot.generation == 3
    assert stage.weighed == [(3, 1), (3, 0)]
    assert stage.exits == [(1, False), (2, False)]


async def test_kill_while_it_serves_is_no_fault_of_its_own(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    for generation in range(2, 8):
        stage.current.signal(signal.SIGKILL)
        await rest()
        assert stage.slot.generation == generation
        await stage.come()
    assert stage.weighed == [(-9, 0)] * 6
    assert not any(planned for _, planned in stage.exits)


async def test_kill_before_it_serves_is_a_crash(begin: Begin) -> None:
    stage = begin()
    stage.keep()
    await rest()
    stage.current.signal(signal.SIGKILL)
    await rest()
    assert stage.weighed == [(-9, 1)]
    assert stage.slot.generation == 1


async def test_it_is_left_empty_when_it_is_given_up(begin: Begin) -> None:
    stage = begin()
    stage.gives_up = True
    await stage.fill()
    stage.current.die(3)
    assert stage.keeper
    await stage.keeper
    assert stage.slot.current is None


async def test_the_cause_of_a_failed_start_is_told(begin: Begin) -> None:
    stage = begin()
    stage.company.binds = False
    stage.keep()
    await rest()
    stage.current.say(Failed("no module named nobody"))
    await rest()
    stage.current.die(78)
    await rest()
    said = "exited with 78: no module named nobody"
    assert stage.slot.records()[0].last_exit == said
    assert stage.texts[-1] == said
    with pytest.raises(NotReplaced, match="no module named nobody"):
        await stage.slot.filled()


async def test_whether_it_is_filled_is_not_waited_for_when_it_is_to_go(begin: Begin) -> None:
    stage = begin()
    stage.keep()
    waiting = asyncio.create_task(stage.slot.filled())
    await rest()
    stage.slot.stop(1.0)
    with pytest.raises(NotReplaced, match="about to go"):
        await waiting


# -- replaced --------------------------------------------------------------------------------


async def test_a_successor_is_listed_in_the_version_in_which_the_old_one_is_not(
    begin: Begin,
) -> None:
    stage = begin()
    old = await stage.fill()
    stage.acknowledged.clear()
    plan = successor(stage)
    replacing = asyncio.create_task(stage.slot.replace(plan))
    await rest()
    assert stage.states() == [(1, State.READY), (2, State.STARTING)]
    assert stage.slot.plan is stage.plan
    stage.lists.clear()
    await stage.come()
    versions = [{r.generation: r.state for r in listed} for listed in stage.lists]
    assert versions[0] == {2: State.READY, 1: State.DRAINING}
    assert all(version == versions[0] for version in versions)
    assert (stage.slot.plan, stage.slot.records()[0].revision) == (plan, 2)
    # It is not told before all gateways know.
    assert stage.settling == 1
    assert not old.told_to_stop
    stage.acknowledged.set()
    await replacing
    assert old.told_to_stop == [MESH.grace]
    assert stage.states() == [(2, State.READY)]
    assert stage.slot.ready.is_set()
    assert [kind for kind, _ in stage.events[2:]] == [
        EventKind.WORKER_STARTED,
        EventKind.WORKER_READY,
        EventKind.WORKER_DRAINING,
        EventKind.WORKER_EXITED,
    ]
    assert stage.exits == [(1, True)]
    assert not stage.weighed
    assert stage.slot.records()[0].restarts == 0


async def test_a_successor_that_fails_changes_nothing(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    stage.company.actors[1].say(Failed("it is broken"))
    await rest()
    stage.company.actors[1].die(78)
    with pytest.raises(NotReplaced, match=r"one/0.*its successor exited with 78: it is broken"):
        await replacing
    assert stage.states() == [(1, State.READY)]
    assert stage.slot.plan is stage.plan
    assert stage.slot.ready.is_set()
    assert stage.slot.accepts
    assert stage.slot.records()[0].last_exit == "exited with 78: it is broken"
    assert not stage.company.actors[0].told_to_stop
    assert not stage.weighed
    assert stage.exits == [(2, False)]


async def test_a_successor_that_cannot_be_started_changes_nothing(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    stage.company.error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    with pytest.raises(NotReplaced, match=r"could not be started.*Cannot allocate memory"):
        await stage.slot.replace(successor(stage))
    assert stage.states() == [(1, State.READY)]
    assert stage.slot.plan is stage.plan


async def test_the_successor_takes_over_from_one_that_dies_meanwhile(begin: Begin) -> None:
    stage = begin()
    old = await stage.fill()
    plan = successor(stage)
    replacing = asyncio.create_task(stage.slot.replace(plan))
    await rest()
    old.die(1)
    await rest()
    # It is not restarted beside who comes.
    assert stage.states() == [(2, State.STARTING)]
    assert not stage.slot.accepts
    await stage.come()
    await replacing
    assert stage.states() == [(2, State.READY)]
    assert stage.slot.plan is plan
    await rest()
    assert len(stage.company.actors) == 2
    assert not stage.weighed


async def test_when_both_have_failed_the_old_plan_is_tried_again_after_a_backoff(
    begin: Begin, clock: Clock
) -> None:
    stage = begin()
    old = await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    old.lived = 1.0
    old.die(1)
    await rest()
    # Young, however long it takes until its death is answered.
    old.lived = 1000.0
    await clock.go_on(20.0)
    stage.company.actors[1].die(78)
    with pytest.raises(NotReplaced):
        await replacing
    await rest()
    assert stage.states() == [(2, State.GONE)]
    assert stage.slot.records()[0].retry
    assert stage.weighed == [(1, 1)]
    await clock.go_on(0.15)
    assert stage.states() == [(3, State.STARTING)]
    await stage.come()
    assert stage.slot.records()[0].revision == 1


async def test_a_new_one_that_dies_while_the_old_one_drains_is_refilled_at_once(
    begin: Begin,
) -> None:
    stage = begin()
    old = await stage.fill()
    old.stops = False
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await stage.come()
    assert old.told_to_stop
    stage.company.actors[1].signal(signal.SIGKILL)
    await rest()
    assert stage.states() == [(3, State.STARTING), (1, State.DRAINING)]
    assert not replacing.done()
    await stage.come()
    assert stage.slot.records()[0].revision == 2
    old.die(0)
    await replacing


async def test_one_that_was_ready_for_no_turn_has_succeeded_all_the_same(begin: Begin) -> None:
    stage = begin()
    old = await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    stage.slot.serving(2)
    # Nobody has been told that it is ready when it dies.
    stage.company.actors[1].die(1)
    await replacing
    assert old.is_over
    assert stage.weighed == [(1, 1)]
    await eventually(lambda: stage.slot.generation == 3)
    await stage.come()
    assert stage.slot.records()[0].revision == 2


async def test_a_successor_is_started_during_a_backoff(begin: Begin, clock: Clock) -> None:
    stage = begin()
    await stage.fill()
    stage.current.lived = 1.0
    stage.current.die(1)
    await rest()
    assert stage.slot.current is None
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    assert stage.states() == [(2, State.STARTING)]
    # The next try would have been then.
    await clock.go_on(1.0)
    assert len(stage.company.actors) == 2
    await stage.come()
    await replacing
    assert stage.states() == [(2, State.READY)]
    assert stage.slot.records()[0].retry == 0
    assert not stage.slot.failed.is_set()
    # What was before is forgotten.
    stage.current.lived = 1.0
    stage.current.die(1)
    await rest()
    assert stage.weighed[-1] == (1, 1)


async def test_a_backoff_outlasts_a_successor_that_cannot_be_started(
    begin: Begin, clock: Clock
) -> None:
    stage = begin()
    await stage.fill()
    stage.current.lived = 1.0
    stage.current.die(1)
    await rest()
    stage.company.error = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    with pytest.raises(NotReplaced):
        await stage.slot.replace(successor(stage))
    stage.company.error = None
    await rest()
    assert stage.slot.current is None
    await clock.go_on(0.2)
    await stage.come()
    assert stage.slot.records()[0].revision == 1


async def test_who_asks_the_control_process_to_be_replaced_hears_of_it_there(
    begin: Begin,
) -> None:
    stage = begin(ServiceSpec(name=CONTROL, target="nobody:register", workers=1))
    old = await stage.fill()
    # It goes on until it has answered.
    old.stops = False
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await stage.come()
    await replacing
    assert stage.states() == [(2, State.READY), (1, State.DRAINING)]
    assert old.told_to_stop == [MESH.grace]
    old.die(0)
    await stage.slot.lives()[1].over.wait()
    assert stage.states() == [(2, State.READY)]


# -- stopped ---------------------------------------------------------------------------------


async def test_it_stops(begin: Begin) -> None:
    stage = begin()
    actor = await stage.fill()
    stage.slot.stop(3.0)
    assert not stage.slot.accepts
    await stage.slot.empty()
    assert stage.keeper
    await stage.keeper
    assert actor.told_to_stop == [3.0]
    assert stage.exits == [(1, True)]
    assert (stage.slot.lives(), stage.slot.ready.is_set(), stage.weighed) == ([], False, [])
    with pytest.raises(NotReplaced, match="about to go"):
        await stage.slot.replace(successor(stage))


async def test_it_stops_during_a_backoff(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    stage.current.lived = 1.0
    stage.current.die(1)
    await rest()
    stage.slot.stop(3.0)
    assert stage.keeper
    await stage.keeper
    assert len(stage.company.actors) == 1


@pytest.mark.parametrize("last", [0, 1])
async def test_it_stops_while_one_is_being_replaced(last: int, begin: Begin) -> None:
    stage = begin()
    stage.company.stops = False
    await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    stage.slot.stop(3.0)
    await rest()
    assert [actor.told_to_stop for actor in stage.company.actors] == [[3.0], [3.0]]
    emptied = asyncio.create_task(stage.slot.empty())
    stage.company.actors[1 - last].die(0)
    await rest()
    assert not emptied.done()
    stage.company.actors[last].die(0)
    await asyncio.wait_for(emptied, 5.0)
    with pytest.raises(NotReplaced):
        await replacing
    assert not stage.slot.lives()


async def test_a_successor_that_is_ready_too_late_is_not_forgotten(begin: Begin) -> None:
    stage = begin()
    stage.company.stops = False
    await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    stage.slot.serving(2)
    stage.slot.stop(3.0)
    await rest()
    assert {generation for generation, _ in stage.states()} == {1, 2}
    stage.slot.kill()
    await stage.slot.empty()
    await asyncio.wait([replacing])
    assert all(actor.is_over for actor in stage.company.actors)


async def test_a_replacement_that_is_given_up_stops_who_comes(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    replacing.cancel()
    await asyncio.wait([replacing])
    await rest()
    assert stage.company.actors[1].told_to_stop
    assert stage.states() == [(1, State.READY)]


async def test_kill_reaches_all_of_it_and_does_not_stop_it(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    stage.slot.kill()
    await rest()
    assert stage.company.actors[0].signals == [signal.SIGKILL]
    assert stage.states() == [(2, State.STARTING)]


async def test_signals_are_passed_on_to_those_that_can_hear_them(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    stage.current.ignores = {signal.SIGUSR1}
    stage.company.binds = False
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    stage.slot.pass_on(signal.SIGUSR1)
    assert [actor.signals for actor in stage.company.actors] == [[signal.SIGUSR1], []]
    stage.company.actors[1].die(1)
    await asyncio.wait([replacing])


# -- retired ---------------------------------------------------------------------------------


async def test_it_is_retired_in_order(begin: Begin) -> None:
    stage = begin()
    actor = await stage.fill()
    stage.acknowledged.clear()
    emptied = asyncio.Event()
    asked: list[bool] = []

    async def empty() -> None:
        asked.append(True)
        await emptied.wait()

    retiring = asyncio.create_task(stage.slot.retire(empty))
    await rest()
    # First nobody is sent to it, neither directly nor by a gateway.
    assert not stage.slot.accepts
    assert stage.states() == [(1, State.DRAINING)]
    assert not asked
    stage.acknowledged.set()
    await rest()
    # Then it accepts what is queued.
    assert asked
    assert not actor.told_to_stop
    emptied.set()
    # Then it is told.
    await retiring
    assert actor.told_to_stop == [MESH.grace]
    assert not stage.slot.lives()
    await rest()
    assert len(stage.company.actors) == 1


async def test_one_that_dies_while_it_is_retired_is_not_waited_for(begin: Begin) -> None:
    stage = begin()
    actor = await stage.fill()
    retiring = asyncio.create_task(stage.slot.retire(asyncio.Event().wait))
    await rest()
    actor.die(1)
    await asyncio.wait_for(retiring, 5.0)
    assert not stage.weighed


async def test_a_queue_that_is_never_empty_is_not_waited_for_without_end(
    begin: Begin, clock: Clock
) -> None:
    stage = begin(mesh=MeshSpec(services=[], hang_timeout=0.0))
    actor = await stage.fill()
    retiring = asyncio.create_task(stage.slot.retire(asyncio.Event().wait))
    await clock.go_on(module.EMPTYING - 1)
    assert not actor.told_to_stop
    await clock.go_on(2.0)
    await retiring
    assert actor.told_to_stop


async def test_it_is_retired_while_it_starts(begin: Begin) -> None:
    stage = begin()
    stage.company.binds = False
    stage.keep()
    await rest()

    async def empty() -> None: ...

    await stage.slot.retire(empty)
    assert stage.company.actors[0].is_over
    assert not stage.slot.lives()


async def test_it_is_retired_during_a_backoff(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    stage.current.lived = 1.0
    stage.current.die(1)
    await rest()
    await stage.slot.retire(asyncio.Event().wait)
    assert stage.keeper
    await stage.keeper
    assert len(stage.company.actors) == 1


# -- gateways --------------------------------------------------------------------------------

GATEWAY = ServiceSpec(
    name="gateway", target="nobody:register", workers=1, gateway=True, routed=False
)


def used(rows: Rows, row: int) -> bool:
    return any(os.pread(rows.fd, layout.ROW, layout.ROWS + row * layout.ROW))


async def test_a_gateways_row_is_zeroed_between_its_death_and_its_successors_birth(
    begin: Begin, rows: Rows
) -> None:
    stage = begin(GATEWAY, rows=rows)
    found: list[bool] = []

    def cast(actor: Actor) -> None:
        found.append(used(rows, 0))
        os.pwrite(rows.fd, b"12345678", layout.ROWS)

    stage.company.cast = cast
    await stage.fill()
    first = stage.current
    assert first.spec.region
    assert (first.spec.region.row, first.spec.region.fd) == (0, rows.fd)
    assert first.descriptors == (rows.fd, *rows.eventfds)
    first.signal(signal.SIGKILL)
    await rest()
    assert len(stage.company.actors) == 2
    assert stage.current.spec.region
    assert stage.current.spec.region.row == 0
    stage.slot.stop(1.0)
    await stage.slot.empty()
    assert found == [False, False]
    assert not used(rows, 0)
    # Twice one has died, and the others were told.
    assert [os.eventfd_read(each) for each in rows.eventfds] == [2] * rows.most


async def test_while_one_replaces_another_both_have_a_row(begin: Begin, rows: Rows) -> None:
    stage = begin(GATEWAY, rows=rows)
    await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await stage.come()
    await replacing
    regions = [actor.spec.region for actor in stage.company.actors]
    assert [region.row for region in regions if region] == [0, 1]
    assert rows.take() == 0
    rows.give_back(0)


async def test_without_a_row_it_is_not_replaced_and_nothing_leaks(begin: Begin, rows: Rows) -> None:
    stage = begin(GATEWAY, rows=rows)
    await stage.fill()
    others = [rows.take() for _ in range(rows.most - 1)]
    with pytest.raises(NotReplaced, match="gateway processes, which is most"):
        await stage.slot.replace(successor(stage))
    assert stage.states()[0][1] is State.READY
    for row in others:
        rows.give_back(row)


@pytest.mark.parametrize("error", [OSError(errno.EAGAIN, "no"), ValueError("no")])
async def test_a_row_is_given_back_where_no_process_could_be_started(
    error: Exception, begin: Begin, rows: Rows
) -> None:
    stage = begin(GATEWAY, rows=rows)

    def cast(actor: Actor) -> None:
        actor.die(0)
        raise error

    stage.company.cast = cast
    with pytest.raises((NotReplaced, ValueError)):
        await stage.slot.replace(stage.plan)
    assert [rows.take() for _ in range(rows.most)] == list(range(rows.most))


# -- worn ------------------------------------------------------------------------------------


async def test_a_worn_one_says_why(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resident", lambda pid: 2**30)
    recycle = RecycleSpec(max_requests=100, max_rss=2**20, rss_samples=2, rss_interval=5.0)
    stage = begin(ServiceSpec(name="one", target="nobody:register", workers=1, recycle=recycle))
    stage.keep()
    await rest()
    assert stage.slot.worn() == ""
    await stage.come()
    stage.current.lived = 5.0
    assert stage.slot.worn() == ""
    stage.current.lived = 9.0
    assert stage.slot.worn() == ""
    stage.current.lived = 10.0
    assert stage.slot.worn() == "it has 1024 MiB in memory"
    stage.current.say(Pulse(calls=100))
    await rest()
    assert stage.slot.worn() == "it has taken 100 calls"
    # Who comes after it begins anew.
    replacing = asyncio.create_task(stage.slot.replace(stage.slot.plan))
    await stage.come()
    assert stage.slot.worn() == ""
    await replacing


async def test_lives_are_told_of_the_one_that_fills_it_first(begin: Begin) -> None:
    stage = begin()
    await stage.fill()
    replacing = asyncio.create_task(stage.slot.replace(successor(stage)))
    await rest()
    assert [life.spec.generation for life in stage.slot.lives()] == [1, 2]
    await stage.come()
    await replacing
