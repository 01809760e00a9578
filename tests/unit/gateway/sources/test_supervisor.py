"""Upstreams from lists of workers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence

import msgspec
import pytest

from tercet.cluster.messages import Stop, WorkerRecord, Workers
from tercet.cluster.states import State
from tercet.gateway.sources.source import Address, Found
from tercet.gateway.sources.supervisor import Supervisor
from tests.support import eventually

STARTING, READY, DRAINING, GONE = State.STARTING, State.READY, State.DRAINING, State.GONE


def worker(
    service: str,
    state: State = READY,
    *,
    slot: int = 0,
    serves: tuple[str, ...] = ("a.B",),
    routed: bool = True,
) -> WorkerRecord:
    return WorkerRecord(
        service=service,
        slot=slot,
        generation=1,
        pid=1,
        state=state,
        bound=True,
        address=f"unix:/nowhere/{service}.{slot}",
        bind="",
        grpc_services=list(serves),
        started=0.0,
        restarts=0,
        last_exit="",
        routed=routed,
    )


def test_a_service_is_an_upstream_and_its_ready_workers_are_the_endpoints() -> None:
    states = [READY, DRAINING, READY]
    workers = [worker("one", state, slot=slot) for slot, state in enumerate(states)]
    assert Supervisor().found([*workers, worker("two", serves=("c.D", "e.F"))]) == [
        Found(
            "one",
            (Address("unix:/nowhere/one.0"), Address("unix:/nowhere/one.2")),
            frozenset({"a.B"}),
            tells=True,
        ),
        Found("two", (Address("unix:/nowhere/two.0"),), frozenset({"c.D", "e.F"}), tells=True),
    ]


def test_gateways_and_the_control_process_are_no_upstreams() -> None:
    assert Supervisor().found([worker("control", routed=False)]) == []


@pytest.mark.parametrize("state", [STARTING, DRAINING, GONE])
def test_a_service_without_a_ready_worker_serves_what_it_served(
    state: State,
) -> None:
    source = Supervisor()
    source.found([worker("one")])
    for _ in range(2):
        assert source.found([worker("one", state, serves=())]) == [
            Found("one", (), frozenset({"a.B"}), tells=True, expected=state is not DRAINING)
        ]


@pytest.mark.parametrize(("seconds", "expected"), [(0.2, True), (15.0, False)])
def test_who_is_started_again_soon_is_expected(seconds: float, expected: bool) -> None:
    gone = msgspec.structs.replace(worker("one", GONE), retry=time.time() + seconds)
    [found] = Supervisor().found([gone])
    assert found.expected is expected


def test_while_workers_are_replaced_both_versions_are_served() -> None:
    source = Supervisor()
    source.found([worker("one")])
    [both] = source.found([worker("one"), worker("one", slot=1, serves=("a.C",))])
    assert both.grpc_services == {"a.B", "a.C"}
    [later] = source.found([worker("one", GONE), worker("one", slot=1, serves=("a.C",))])
    assert later.grpc_services == {"a.C"}


def test_a_service_that_leaves_the_mesh_is_forgotten() -> None:
    source = Supervisor()
    source.found([worker("one")])
    assert source.found([]) == []
    assert source.found([worker("one", STARTING)]) == [
        Found("one", (), None, tells=True, expected=True)
    ]


@contextlib.asynccontextmanager
async def following(source: Supervisor, update: object) -> AsyncIterator[None]:
    task = asyncio.create_task(source.follow(update))  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_list_is_acknowledged_when_it_is_taken_over() -> None:
    said: list[object] = []

    def update(found: Sequence[Found]) -> None:
        said.append([each.name for each in found])

    def listed(workers: Iterable[WorkerRecord]) -> None:
        said.append([each.service for each in workers])

    source = Supervisor(listed=listed, taken=said.append)
    # What came before anybody followed is not lost.
    source.hear(Workers(3, [worker("one"), worker("gateway", routed=False)]))
    async with following(source, update):
        await eventually(lambda: len(said) == 3)
        source.hear(Stop(1.0))
        source.hear(Workers(4, []))
        await eventually(lambda: len(said) == 6)
    assert said == [["one", "gateway"], ["one"], 3, [], [], 4]


async def test_a_list_that_was_followed_by_another_is_skipped() -> None:
    told: list[Sequence[Found]] = []
    versions: list[int] = []
    source = Supervisor(taken=versions.append)
    source.hear(Workers(1, [worker("one")]))
    source.hear(Workers(2, [worker("two")]))
    async with following(source, told.append):
        await eventually(lambda: bool(versions))
    assert versions == [2]
    assert [each.name for [each] in told] == ["two"]


async def test_a_list_that_could_not_be_taken_over_is_given_again() -> None:
    versions: list[int] = []
    source = Supervisor(taken=versions.append)
    source.hear(Workers(1, [worker("one")]))

    def fails(found: Sequence[Found]) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await source.follow(fails)
    assert versions == []
    async with following(source, lambda found: None):
        await eventually(lambda: versions == [1])
