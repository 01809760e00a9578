"""The live view, driven by keys, against a control process on a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from tercet.cli.top.screen import Top
from tercet.cluster.v1 import cluster_pb2
from tercet.errors import FailedPrecondition
from tests.unit.cli.meshes import FakeControl, Meshes, meshes

PID = 11
# Seconds; a condition that is not met by then never will be.
PATIENCE = 30.0

Scenario = Callable[[Top, Pilot[None]], Awaitable[None]]


def worker(service: str, slot: int, generation: int = 1) -> cluster_pb2.Worker:
    return cluster_pb2.Worker(
        service=service,
        slot=slot,
        generation=generation,
        pid=1000 + slot,
        state=cluster_pb2.WORKER_STATE_READY,
    )


@pytest.fixture
def started() -> Iterator[Meshes]:
    with meshes() as (_, several):
        yield several


@pytest.fixture
def control(started: Meshes) -> FakeControl:
    control = started.start(PID, worker("gateway", 0), worker("shop", 0), worker("shop", 1))
    control.described.services.extend(
        [
            cluster_pb2.Service(name="gateway", workers=1),
            cluster_pb2.Service(name="shop", workers=2),
        ]
    )
    control.usage = [cluster_pb2.Usage(worker=each, in_flight=5) for each in control.workers]
    return control


@pytest.fixture
def play(
    loop: asyncio.AbstractEventLoop, started: Meshes, control: FakeControl
) -> Callable[[Scenario], None]:
    """Plays a scenario on the screen, once it shows the mesh."""

    async def played(scenario: Scenario) -> None:
        app = Top(started.path(PID), interval=0.1)
        async with app.run_test(size=(140, 40)) as pilot:
            await until(pilot, lambda: app.table.row_count == 3)
            await scenario(app, pilot)

    return lambda scenario: loop.run_until_complete(played(scenario))


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it has not come to that"
        await pilot.pause(0.02)


def text(app: Top, selector: str) -> str:
    return str(app.query_one(selector, Static).render())


def column(app: Top, name: str) -> list[str]:
    return [str(cell) for cell in app.table.get_column(name)]


Play = Callable[[Scenario], None]


def test_it_shows_workers_and_events(play: Play, control: FakeControl) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        assert column(app, "SERVICE") == ["gateway", "shop", "shop"]
        assert column(app, "IN FLIGHT") == ["5", "5", "5"]
        assert "3 of 3 workers ready" in text(app, "#title")
        await until(pilot, lambda: "reload started" in text(app, "#events"))
        control.happen(cluster_pb2.EVENT_KIND_RELOAD_FINISHED, text="revision 2")
        control.usage[1].in_flight = 6
        await until(pilot, lambda: "reload finished: revision 2" in text(app, "#events"))
        await until(pilot, lambda: column(app, "IN FLIGHT") == ["5", "6", "5"])
        # The newest first.
        assert "finished" in text(app, "#events").splitlines()[0]

    # From before it was there.
    control.happen(cluster_pb2.EVENT_KIND_RELOAD_STARTED)
    play(scenario)


def test_keys_tell_the_mesh(play: Play, control: FakeControl) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("r")
        await until(pilot, lambda: len(control.requests) == 1)
        await pilot.press("down", "c")
        await until(pilot, lambda: len(control.requests) == 2)
        await pilot.press("minus")
        await until(pilot, lambda: len(control.requests) == 3)
        assert control.requests == [
            cluster_pb2.ReloadRequest(),
            cluster_pb2.RecycleRequest(service="shop", slot=0),
            cluster_pb2.ScaleRequest(service="shop", workers=1),
        ]
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    play(scenario)


def test_plus_counts_from_what_is_under_way(play: Play, control: FakeControl) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        with control.slow():
            await pilot.press("down", "plus", "plus")
            await until(pilot, lambda: len(control.requests) == 2)
        assert sorted(request.workers for request in control.requests) == [3, 4]

    play(scenario)


def test_the_last_worker_stays(play: Play, control: FakeControl) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        # The gateway is selected.
        await pilot.press("minus", "r")
        await until(pilot, lambda: control.requests)
        assert control.requests == [cluster_pb2.ReloadRequest()]

    play(scenario)


def test_kill_asks_first(play: Play, control: FakeControl) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("down", "down", "k")
        await until(pilot, lambda: app.screen.query("#question"))
        await pilot.press("n")
        await until(pilot, lambda: not app.screen.query("#question"))
        await pilot.press("k")
        await until(pilot, lambda: app.screen.query("#question"))
        # Whoever types it twice has killed one.
        await pilot.press("y", "y")
        await until(pilot, lambda: control.requests)
        # It and no successor.
        assert control.requests == [cluster_pb2.KillRequest(service="shop", slot=1, generation=1)]

    play(scenario)


def test_a_refusal_is_shown(play: Play, control: FakeControl) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        control.refusal = FailedPrecondition("no [such] module", reason="RELOAD_FAILED")
        await pilot.press("r")
        await until(
            pilot, lambda: any("no [such] module" in each.message for each in app._notifications)
        )

    play(scenario)


def test_the_selection_goes_with_the_slot(play: Play, control: FakeControl) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("down", "down")
        assert app.selected == ("shop", 1, 1)
        control.workers[1:] = [worker("shop", 0), worker("shop", 1, 2), worker("shop", 2)]
        control.usage = []
        await until(pilot, lambda: app.table.row_count == 4)
        assert app.selected == ("shop", 1, 2)
        del control.workers[1:]
        await until(pilot, lambda: app.table.row_count == 1)
        assert app.selected == ("gateway", 0, 1)

    play(scenario)


def test_it_survives_a_restart_of_the_control_process(
    play: Play, control: FakeControl, started: Meshes
) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "worker started" in text(app, "#events"))
        stopped = started.controls[PID].stop(None)
        await asyncio.to_thread(stopped.wait)
        await until(pilot, lambda: app.query_one("#lost").has_class("shown"))
        control.happen(cluster_pb2.EVENT_KIND_WORKER_READY)
        control.workers[0].restarts = 9
        started.serve(PID, control)
        await until(pilot, lambda: "worker ready" in text(app, "#events"))
        await until(pilot, lambda: not app.query_one("#lost").has_class("shown"))
        await until(pilot, lambda: column(app, "RESTARTS")[0] == "9")
        # Each once, and asked for after the last that was seen.
        assert len(text(app, "#events").splitlines()) == 2
        assert control.watched_after == [0, 1]

    control.happen(cluster_pb2.EVENT_KIND_WORKER_STARTED)
    play(scenario)


def test_forgotten_events_are_gone_and_the_others_are_shown(
    play: Play, control: FakeControl, started: Meshes
) -> None:
    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "worker started" in text(app, "#events"))
        await asyncio.to_thread(started.controls[PID].stop(None).wait)
        for kind in (cluster_pb2.EVENT_KIND_WORKER_READY, cluster_pb2.EVENT_KIND_WORKER_EXITED):
            control.happen(kind)
        control.forgotten = 2
        started.serve(PID, control)
        await until(pilot, lambda: "worker exited" in text(app, "#events"))
        assert "worker ready" not in text(app, "#events")
        assert control.watched_after == [0, 1, 0]

    control.happen(cluster_pb2.EVENT_KIND_WORKER_STARTED)
    play(scenario)


def test_the_table_is_a_table_of_text(play: Play, control: FakeControl) -> None:
    """What a server says is no markup."""

    async def scenario(app: Top, pilot: Pilot[None]) -> None:
        table: DataTable[Any] = app.table
        assert str(table.get_row_at(0)[0]) == "gateway"
        control.described.reload_error = "[red]no[/red] [/such"
        await until(pilot, lambda: "[red]no[/red] [/such" in text(app, "#title"))

    play(scenario)
