"""Events that nobody misses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tercet.cluster.control.events import BATCH, KEPT, EventLog
from tercet.cluster.messages import Event
from tercet.errors import OutOfRange
from tests.unit.cluster.control.made import event


def log_of(first: int, last: int) -> EventLog:
    made = EventLog()
    made.fill([event(number) for number in range(first, last + 1)])
    return made


async def numbers(watch: AsyncIterator[list[Event]], count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found += [happened.sequence for happened in await anext(watch)]
    return found


async def test_a_watch_goes_on_where_it_was_cut_off() -> None:
    log = log_of(1, 5)
    assert await numbers(log.watch(3), 2) == [4, 5]


async def test_zero_is_all_that_are_kept_and_none_is_from_now_on() -> None:
    log = log_of(400, 403)
    assert await numbers(log.watch(0), 4) == [400, 401, 402, 403]
    fresh = log.watch(None)
    first = asyncio.ensure_future(anext(fresh))
    await asyncio.sleep(0)
    log.add(event(404))
    assert [happened.sequence for happened in await first] == [404]


async def test_events_come_in_order_whenever_they_happen() -> None:
    log = log_of(1, 0)
    watch = log.watch(0)
    happens = iter(range(1, 2 * BATCH))

    async def happen() -> None:
        for number in happens:
            log.add(event(number))
            if number % 7 == 0:
                await asyncio.sleep(0)

    task = asyncio.create_task(happen())
    assert await numbers(watch, 2 * BATCH - 1) == list(range(1, 2 * BATCH))
    await task


@pytest.mark.parametrize("after", [398, 404])
async def test_what_is_not_kept_or_has_not_happened_is_said(after: int) -> None:
    with pytest.raises(OutOfRange) as raised:
        await anext(log_of(400, 403).watch(after))
    assert (raised.value.reason, raised.value.field) == ("EVENTS_FORGOTTEN", "after")


@pytest.mark.parametrize("after", [399, 403])
async def test_the_ends_of_what_is_kept_can_be_watched(after: int) -> None:
    log = log_of(400, 403)
    first = asyncio.ensure_future(anext(log.watch(after)))
    await asyncio.sleep(0)
    log.add(event(404))
    assert (await first)[0].sequence == after + 1


async def test_a_slow_watcher_takes_no_memory_and_is_told() -> None:
    log = log_of(1, 1)
    watch = log.watch(0)
    assert await numbers(watch, 1) == [1]
    for number in range(2, KEPT + 4):
        log.add(event(number))
    # 2 and 3 are gone.
    with pytest.raises(OutOfRange):
        await anext(watch)
    assert len(await numbers(log.watch(0), KEPT)) == KEPT


async def test_what_is_told_twice_is_one_and_a_gap_is_not_passed_over() -> None:
    log = log_of(1, 3)
    watch = log.watch(0)
    assert await numbers(watch, 3) == [1, 2, 3]
    assert not log.add(event(3))
    assert log.add(event(9))
    assert log.last == 9
    with pytest.raises(OutOfRange):
        await anext(watch)


async def test_nobody_is_told_of_no_events_before_the_supervisor_has_spoken() -> None:
    log = EventLog()
    first = asyncio.ensure_future(anext(log.watch(2)))
    await asyncio.sleep(0)
    log.fill([event(number) for number in range(1, 4)])
    assert [happened.sequence for happened in await first] == [3]


async def test_what_has_happened_is_told_before_a_stop_ends_the_watch() -> None:
    log = log_of(1, 2)
    watch = log.watch(1)
    log.shut_down()
    assert await numbers(watch, 1) == [2]
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    waiting = EventLog()
    waiting.shut_down()
    with pytest.raises(StopAsyncIteration):
        await anext(waiting.watch(0))
