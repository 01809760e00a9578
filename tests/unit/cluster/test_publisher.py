"""Who is told of the workers, and when gateways have heard."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tercet.cluster import publisher as module
from tercet.cluster.messages import Workers
from tercet.cluster.publisher import Publisher
from tests.unit.cluster.standins import Clock, rest


class Reader:
    """Plays a life that is told."""

    def __init__(self, *, gateway: bool = True, bound: bool = True) -> None:
        self.spec: Any = self
        self.link = self
        self.region = object() if gateway else None
        self.is_bound = bound
        self.told: list[int] = []

    def send(self, message: Workers) -> None:
        self.told.append(message.version)

    def __str__(self) -> str:
        return "gateway/0"


class Stage:
    def __init__(self, *readers: Reader) -> None:
        self.readers: list[Any] = list(readers)
        self.publisher = Publisher(list, lambda: self.readers)

    def acknowledge(self, reader: Any, version: int | None = None) -> None:
        self.publisher.acknowledged(reader, version or reader.told[-1])

    async def settling(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self.publisher.settle())
        await rest()
        return task


async def test_the_changes_of_one_turn_make_one_version() -> None:
    reader = Reader()
    stage = Stage(reader)
    for _ in range(5):
        stage.publisher.changed()
    assert not reader.told
    await rest()
    assert reader.told == [1]
    stage.publisher.changed()
    await rest()
    assert reader.told == [1, 2]
    await rest()
    assert reader.told == [1, 2]


async def test_what_was_published_at_once_is_not_published_again() -> None:
    reader = Reader()
    stage = Stage(reader)
    stage.publisher.changed()
    assert stage.publisher.publish() == 1
    await rest()
    assert reader.told == [1]
    stage.publisher.changed()
    stage.publisher.publish()
    stage.publisher.changed()
    await rest()
    assert reader.told == [1, 2, 3]


async def test_without_gateways_there_is_nothing_to_wait_for() -> None:
    for stage in (Stage(), Stage(Reader(gateway=False))):
        await asyncio.wait_for(stage.publisher.settle(), 5.0)


async def test_every_gateway_is_waited_for() -> None:
    one, two = Reader(), Reader()
    stage = Stage(one, two, Reader(gateway=False))
    settling = await stage.settling()
    stage.acknowledge(one)
    await rest()
    assert not settling.done()
    stage.acknowledge(two)
    await rest()
    assert settling.done()


async def test_what_was_acknowledged_before_does_not_count() -> None:
    one = Reader()
    stage = Stage(one)
    stage.publisher.publish()
    settling = await stage.settling()
    assert one.told == [1, 2]
    stage.acknowledge(one, 1)
    await rest()
    assert not settling.done()
    # A later one says as much.
    stage.publisher.publish()
    stage.acknowledge(one, 3)
    await rest()
    assert settling.done()


async def test_one_that_has_acknowledged_all_is_waited_for_anew_each_time() -> None:
    one = Reader()
    stage = Stage(one)
    for _ in range(3):
        settling = await stage.settling()
        assert not settling.done()
        stage.acknowledge(one)
        await rest()
        assert settling.done()


async def test_one_that_dies_is_not_waited_for() -> None:
    one, two = Reader(), Reader()
    stage = Stage(one, two)
    settling = await stage.settling()
    stage.acknowledge(one)
    await rest()
    stage.readers.remove(two)
    stage.publisher.changed()
    await rest()
    assert settling.done()


async def test_one_that_does_not_take_calls_yet_is_not_waited_for() -> None:
    starting = Reader(bound=False)
    stage = Stage(starting)
    settling = await stage.settling()
    assert settling.done()
    # It has been told all the same, so that it begins with the newest.
    assert starting.told == [1]


async def test_one_that_begins_to_take_calls_meanwhile_is_waited_for() -> None:
    one, starting = Reader(), Reader(bound=False)
    stage = Stage(one, starting)
    settling = await stage.settling()
    starting.is_bound = True
    stage.publisher.changed()
    stage.acknowledge(one)
    await rest()
    assert not settling.done()
    stage.acknowledge(starting)
    await rest()
    assert settling.done()


async def test_one_that_starts_meanwhile_is_told_of_a_later_version(clock: Clock) -> None:
    one = Reader()
    stage = Stage(one)
    settling = await stage.settling()
    another = Reader(bound=False)
    stage.readers.append(another)
    stage.publisher.changed()
    stage.acknowledge(one)
    await rest()
    assert settling.done()
    assert another.told == [2]


async def test_several_may_settle_at_once() -> None:
    one = Reader()
    stage = Stage(one)
    settling = [await stage.settling() for _ in range(3)]
    stage.acknowledge(one, 2)
    await rest()
    assert [task.done() for task in settling] == [True, True, False]
    stage.acknowledge(one, 3)
    await rest()
    assert settling[2].done()


async def test_a_gateway_that_is_silent_does_not_stop_the_mesh(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(Reader())
    settling = await stage.settling()
    await clock.go_on(module.LONGEST - 1)
    assert not settling.done()
    with caplog.at_level(logging.ERROR, "tercet"):
        await clock.go_on(2.0)
    assert settling.done()
    assert "gateway/0 has not taken over the list" in caplog.text


async def test_of_who_is_gone_nothing_is_kept() -> None:
    one = Reader()
    stage = Stage(one)
    stage.publisher.publish()
    stage.acknowledge(one)
    stage.readers.clear()
    stage.publisher.publish()
    assert not stage.publisher._acknowledged
