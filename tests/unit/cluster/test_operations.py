"""One change at a time; reloads that wait are one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tercet.cluster.operations import Operations, Stopping
from tercet.errors import TercetError
from tests.unit.cluster.standins import rest


class Work:
    """Changes that end when they are told to, and are written down."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._ends: list[asyncio.Future[None]] = []

    def change(self, name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            self.begun.append(name)
            self._ends.append(asyncio.get_running_loop().create_future())
            await self._ends[-1]

        return run

    async def end(self, error: Exception | None = None) -> None:
        """Of the one that runs."""
        if error:
            self._ends[-1].set_exception(error)
        else:
            self._ends[-1].set_result(None)
        await rest()


@pytest.fixture
def work() -> Work:
    return Work()


async def test_they_are_made_one_after_another_in_order(work: Work) -> None:
    names: list[str] = []
    operations = Operations(lambda: names.append(operations.name))
    tasks = [asyncio.create_task(operations.run(name, work.change(name))) for name in "abc"]
    await rest()
    for count in (1, 2, 3):
        assert work.begun == list("abc")[:count]
        assert operations.name == "abc"[count - 1]
        await work.end()
    await asyncio.gather(*tasks)
    assert names == ["a", "", "b", "", "c", ""]


async def test_one_that_fails_does_not_hold_up_the_others(work: Work) -> None:
    operations = Operations()
    first = asyncio.create_task(operations.run("a", work.change("a")))
    second = asyncio.create_task(operations.run("b", work.change("b")))
    await rest()
    await work.end(TercetError("no"))
    with pytest.raises(TercetError, match="no"):
        await first
    assert (work.begun, operations.name) == (["a", "b"], "b")
    await work.end()
    await second


async def test_it_gives_what_the_change_gives() -> None:
    async def change() -> int:
        return 7

    assert await Operations().run("a", change) == 7


async def test_reloads_asked_for_during_one_are_one_more(work: Work) -> None:
    operations = Operations()
    first = asyncio.create_task(operations.reload(work.change("first")))
    await rest()
    others = [
        asyncio.create_task(operations.reload(work.change(name)))
        for name in ("second", "third", "fourth")
    ]
    await rest()
    assert work.begun == ["first"]
    await work.end()
    await first
    assert work.begun == ["first", "second"]
    # What comes now wants what is read from now on.
    last = asyncio.create_task(operations.reload(work.change("last")))
    await rest()
    assert not any(task.done() for task in others)
    await work.end()
    await asyncio.gather(*others)
    await work.end()
    await last
    assert work.begun == ["first", "second", "last"]


async def test_all_who_share_a_reload_hear_why_it_failed(work: Work) -> None:
    operations = Operations()
    first = asyncio.create_task(operations.run("scale", work.change("scale")))
    await rest()
    shared = [asyncio.create_task(operations.reload(work.change("reload"))) for _ in range(3)]
    await rest()
    await work.end()
    await work.end(TercetError("it is broken"))
    await first
    for task in shared:
        with pytest.raises(TercetError, match="it is broken"):
            await task
    # The next is another.
    again = asyncio.create_task(operations.reload(work.change("again")))
    await rest()
    await work.end()
    await again


async def test_who_gives_up_waiting_does_not_end_it_for_others(work: Work) -> None:
    operations = Operations()
    impatient = asyncio.create_task(operations.reload(work.change("reload")))
    patient = asyncio.create_task(operations.reload(work.change("reload")))
    await rest()
    impatient.cancel()
    await rest()
    await work.end()
    await patient
    assert work.begun == ["reload"]


async def test_nothing_begins_when_the_mesh_stops(work: Work) -> None:
    operations = Operations()
    running = asyncio.create_task(operations.run("a", work.change("a")))
    await rest()
    queued = [
        asyncio.create_task(operations.run("b", work.change("b"))),
        asyncio.create_task(operations.reload(work.change("c"))),
    ]
    await rest()
    operations.close()
    assert operations.closed
    # What runs comes to its end.
    await work.end()
    await running
    for task in queued:
        with pytest.raises(Stopping):
            await task
    with pytest.raises(Stopping):
        await operations.reload(work.change("d"))
    assert work.begun == ["a"]


async def test_of_what_nobody_waits_for_bugs_alone_are_logged(
    work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    operations = Operations()
    operations.begin(operations.run("a", work.change("a")))
    await rest()
    await work.end(TercetError("logged by who made it"))
    assert not caplog.records
    operations.begin(operations.run("b", work.change("b")))
    await rest()
    await work.end(KeyError("a bug"))
    assert "failed by a bug" in caplog.text
