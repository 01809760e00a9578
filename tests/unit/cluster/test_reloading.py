"""Taking over another configuration; real addresses, and actors for workers."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from tercet.cluster.messages import EventKind, OrderKind
from tercet.cluster.spec import CONTROL, ServiceSpec
from tests.support import eventually
from tests.unit.cluster.conftest import Start
from tests.unit.cluster.stage import Stage, gateway, mesh, service
from tests.unit.cluster.standins import Actor

ANY = "127.0.0.1:0"


@pytest.fixture
def ports() -> list[int]:
    """Ports that are free, as good as: nobody is given them by the kernel meanwhile."""
    held = [socket.socket() for _ in range(3)]
    for each in held:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return found


def listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def fails(*slots: tuple[str, int]) -> object:
    """A cast in which those die at once."""

    def cast(actor: Actor) -> None:
        name, _, slot = actor.name.rpartition("/")
        if (name, int(slot)) in slots:
            actor.die(78)

    return cast


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def names(stage: Stage) -> set[str]:
    return set(stage.mesh.crews) - {CONTROL}


async def test_a_new_service_is_added_and_gateways_come_after_it(start: Start) -> None:
    stage = await start(mesh(gateway(), service()))
    before = len(stage.company.actors)
    assert not (await stage.reload(mesh(gateway(), service(), service("two", 2)))).error
    order = [actor.spec.service for actor in stage.company.actors[before:]]
    assert order == ["two", "two", "one", "gateway", CONTROL]
    assert names(stage) == {"gateway", "one", "two"}
    assert stage.serving("two") == [(0, 1, 2), (1, 1, 2)]


async def test_a_service_that_is_not_wanted_any_more_goes(start: Start, ports: list[int]) -> None:
    stage = await start(mesh(service(), service("two", bind=f"127.0.0.1:{ports[0]}")))
    assert listens(ports[0])
    old = stage.alive("two")[0]
    assert not (await stage.reload(mesh(service()))).error
    assert names(stage) == {"one"}
    assert (old.is_over, bool(old.told_to_stop), listens(ports[0])) == (True, True, False)
    assert [record.service for record in stage.control.lists[-1].workers] == [CONTROL, "one"]


async def test_one_that_comes_back_is_another(start: Start) -> None:
    both = mesh(service(), service("two"))
    stage = await start(both)
    await stage.reload(mesh(service()))
    assert not (await stage.reload(both)).error
    assert [revision for _, _, revision in stage.serving("two")] == [3]


async def test_no_socket_of_one_that_comes_back_has_a_path_that_was_used(start: Start) -> None:
    both = mesh(service("one"), service("two"))
    stage = await start(both)
    await stage.reload(mesh(service("one")))
    await stage.reload(both)
    paths = [actor.spec.address for actor in stage.company.actors if actor.spec.service == "two"]
    assert len(paths) == 2
    assert len(set(paths)) == 2


async def test_an_address_that_is_the_same_stays_open(start: Start) -> None:
    stage = await start(mesh(service("one", 2, bind=ANY)))
    shown = stage.crew().record().bind
    listeners = [actor.spec.listeners for actor in stage.alive()]
    assert not (await stage.reload()).error
    assert stage.crew().record().bind == shown
    assert [actor.spec.listeners for actor in stage.alive()] == listeners


async def test_an_address_may_change(start: Start, ports: list[int]) -> None:
    first, second = (f"127.0.0.1:{port}" for port in ports[:2])
    stage = await start(mesh(service("one", 2, bind=first)))
    before = descriptors()
    assert not (await stage.reload(mesh(service("one", 2, bind=second)))).error
    assert stage.crew().record().bind == second
    assert (listens(ports[0]), listens(ports[1])) == (False, True)
    assert descriptors() == before
    assert not (await stage.reload(mesh(service("one", 2)))).error
    assert (stage.crew().record().bind, listens(ports[1])) == ("", False)


async def test_an_address_may_change_after_a_scale(start: Start, ports: list[int]) -> None:
    first, second = (f"127.0.0.1:{port}" for port in ports[:2])
    stage = await start(mesh(service("one", 1, bind=first)))
    assert not (await stage.ask(OrderKind.SCALE, service="one", workers=3)).error
    assert not (await stage.reload(mesh(service("one", 1, bind=second)))).error
    assert len(stage.serving()) == 3
    assert len({actor.spec.listeners[0] for actor in stage.alive()}) == 3


async def test_what_fails_while_an_address_changes_can_be_tried_again(
    start: Start, ports: list[int]
) -> None:
    first, second = (f"127.0.0.1:{port}" for port in ports[:2])
    stage = await start(mesh(service("one", 2, bind=first)))
    stage.company.cast = fails(("one", 1))  # type: ignore[assignment]
    assert (await stage.reload(mesh(service("one", 2, bind=second)))).error
    # One is there, and the other here.
    assert [slot.records()[0].bind for slot in stage.crew().slots] == [second, first]
    assert (listens(ports[0]), listens(ports[1])) == (True, True)
    stage.company.cast = lambda actor: None
    assert not (await stage.reload()).error
    assert [slot.records()[0].bind for slot in stage.crew().slots] == [second, second]
    assert (listens(ports[0]), listens(ports[1])) == (False, True)


async def test_what_fails_at_once_closes_what_was_opened(start: Start, ports: list[int]) -> None:
    first, second = (f"127.0.0.1:{port}" for port in ports[:2])
    stage = await start(mesh(service("one", 2, bind=first)))
    before = descriptors()
    stage.company.cast = fails(("one", 0))  # type: ignore[assignment]
    assert (await stage.reload(mesh(service("one", 2, bind=second)))).error
    assert (listens(ports[0]), listens(ports[1])) == (True, False)
    assert descriptors() == before


async def test_an_address_that_cannot_be_had_changes_nothing(
    start: Start, ports: list[int]
) -> None:
    stage = await start(mesh(service()))
    spec, before, actors = stage.mesh.spec, descriptors(), len(stage.company.actors)
    with socket.create_server(("127.0.0.1", ports[0])):
        bad = mesh(
            service("one", reserved=[f"127.0.0.1:{ports[1]}"]),
            service("two", bind=ANY),
            service("three", bind=f"127.0.0.1:{ports[0]}"),
        )
        answer = await stage.reload(bad)
    assert "Address already in use" in answer.error
    assert (stage.mesh.spec, len(stage.company.actors)) == (spec, actors)
    assert descriptors() == before


async def test_addresses_that_are_held_for_workers_are_let_go_of(
    start: Start, ports: list[int]
) -> None:
    def held(port: int) -> bool:
        with socket.socket() as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                asking.bind(("127.0.0.1", port))
            except OSError:
                return True
        return False

    def with_reserved(*which: int) -> ServiceSpec:
        return service("one", reserved=[f"127.0.0.1:{ports[each]}" for each in which])

    stage = await start(mesh(with_reserved(0)))
    assert held(ports[0])
    stage.company.cast = fails(("one", 0))  # type: ignore[assignment]
    assert (await stage.reload(mesh(with_reserved(1)))).error
    assert (held(ports[0]), held(ports[1])) == (True, False)
    stage.company.cast = lambda actor: None
    assert not (await stage.reload(mesh(with_reserved(0, 2)))).error
    assert (held(ports[0]), held(ports[2])) == (True, True)
    assert not (await stage.reload(mesh(with_reserved(2)))).error
    assert (held(ports[0]), held(ports[2])) == (False, True)


async def test_a_number_that_an_operator_gave_holds_until_the_configuration_says_another(
    start: Start,
) -> None:
    stage = await start(mesh(service("one", 2)))
    await stage.ask(OrderKind.SCALE, service="one", workers=3)
    assert not (await stage.reload()).error
    assert [slot for slot, _, _ in stage.serving()] == [0, 1, 2]
    assert not (await stage.reload(mesh(service("one", 1)))).error
    assert [slot for slot, _, _ in stage.serving()] == [0]
    assert not (await stage.reload(mesh(service("one", 4)))).error
    assert [revision for _, _, revision in stage.serving()] == [4, 4, 4, 4]


async def test_the_engine_cannot_change_on_the_same_port(start: Start) -> None:
    stage = await start(mesh(service("one", bind=ANY), engine="native"))
    answer = await stage.reload(mesh(service("one", bind=ANY), engine="grpcio"))
    assert "the engine of one cannot become grpcio on the same port" in answer.error
    assert stage.serving() == [(0, 1, 1)]
    # Without one it can.
    stage.next = mesh(service("one", bind=ANY), engine="native")
    assert not (await stage.reload(mesh(service("one"), engine="grpcio"))).error
    assert stage.alive()[0].spec.engine == "grpcio"


async def test_more_gateways_than_there_is_room_for_are_refused(start: Start) -> None:
    stage = await start(mesh(gateway(2), service()))
    answer = await stage.reload(mesh(gateway(5), service()))
    assert "this mesh was started for 4 at most" in answer.error
    assert not (await stage.reload(mesh(gateway(4), service()))).error
    assert len(stage.serving("gateway")) == 4


async def test_a_mesh_may_get_its_first_gateway_later(start: Start) -> None:
    stage = await start(mesh(service()))
    assert not (await stage.reload(mesh(gateway(bind=ANY), service()))).error
    (actor,) = stage.alive("gateway")
    assert actor.spec.region
    assert actor.lists


async def test_a_new_service_that_fails_is_taken_away_again(start: Start, ports: list[int]) -> None:
    stage = await start(mesh(service()))
    spec, before = stage.mesh.spec, descriptors()
    stage.company.cast = fails(("two", 1))  # type: ignore[assignment]
    new = service("two", 2, bind=f"127.0.0.1:{ports[0]}")
    answer = await stage.reload(mesh(service(), new))
    assert "two/1: exited with 78" in answer.error
    assert (names(stage), stage.mesh.spec) == ({"one"}, spec)
    assert stage.serving() == [(0, 1, 1)]
    assert not listens(ports[0])
    assert descriptors() == before
    assert not stage.alive("two")


async def test_what_was_replaced_before_a_failure_stays(start: Start) -> None:
    stage = await start(mesh(gateway(), service("one", 2), service("two")))
    spec = stage.mesh.spec
    stage.company.cast = fails(("one", 1))  # type: ignore[assignment]
    assert (await stage.reload(mesh(gateway(), service("one", 2), service("two"), grace=3.0))).error
    assert stage.serving() == [(0, 2, 2), (1, 1, 1)]
    assert stage.serving("two") == [(0, 1, 1)]
    assert stage.mesh.spec is spec
    # From here a reload makes all alike.
    stage.company.cast = lambda actor: None
    assert not (await stage.reload()).error
    assert {revision for _, _, revision in stage.serving()} == {3}


async def test_the_control_process_keeps_its_sockets_and_gets_new_ones(
    start: Start, ports: list[int]
) -> None:
    first, second = (f"127.0.0.1:{port}" for port in ports[:2])
    stage = await start(mesh(service(), health=first))
    old = stage.control
    assert old.spec.address_inherited
    assert listens(ports[0])
    assert not (await stage.reload(mesh(service(), health=first, metrics=second))).error
    await eventually(lambda: old.is_over)
    new = stage.control
    assert new.spec.listeners == old.spec.listeners
    assert set(old.spec.inherited) < set(new.spec.inherited)
    assert new.spec.options["metrics"].startswith("fd:")
    assert stage.crew(CONTROL).record().bind == first
    assert not (await stage.reload(mesh(service(), metrics=second))).error
    assert (listens(ports[0]), listens(ports[1])) == (False, True)
    assert stage.control.spec.options["health"] == ""
    # Whoever still had the socket would make the address one that is taken.
    assert len(stage.control.spec.inherited) == 1
    assert not (await stage.reload(mesh(service(), health=first, metrics=second))).error
    assert listens(ports[0])


async def test_what_the_control_process_cannot_have_is_known_before_anybody_is_replaced(
    start: Start, ports: list[int]
) -> None:
    stage = await start(mesh(service()))
    actors = len(stage.company.actors)
    with socket.create_server(("127.0.0.1", ports[0])):
        answer = await stage.reload(mesh(service(), metrics=f"127.0.0.1:{ports[0]}"))
    assert "Address already in use" in answer.error
    assert len(stage.company.actors) == actors


async def test_a_control_process_that_fails_leaves_the_old_one_and_its_sockets(
    start: Start, ports: list[int]
) -> None:
    first, second = (f"127.0.0.1:{port}" for port in ports[:2])
    stage = await start(mesh(service(), health=first))
    old = stage.control
    stage.company.cast = fails((CONTROL, 0))  # type: ignore[assignment]
    answer = await stage.reload(mesh(service(), health=second))
    assert "control/0" in answer.error
    assert stage.control is old
    assert stage.crew(CONTROL).record().bind == first
    assert (listens(ports[0]), listens(ports[1])) == (True, False)


async def test_deaths_during_a_reload_are_mended(start: Start) -> None:
    stage = await start(mesh(gateway(), service("one", 3)))
    stage.company.serves = lambda spec: spec.revision == 1
    reloading = asyncio.create_task(stage.reload())
    await eventually(lambda: len(stage.alive()) == 4)
    for actor in stage.alive():
        if actor.spec.slot in (0, 1) and actor.spec.revision == 1:
            actor.die(1)
    stage.company.serves = lambda spec: True
    stage.mesh.publisher.changed()
    assert not (await reloading).error
    await eventually(lambda: len(stage.serving()) == 3)
    assert {revision for _, _, revision in stage.serving()} == {2}
    assert stage.events(EventKind.RELOAD_FINISHED)
