"""Pulses, reports, and how long the pool lets work wait."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import msgspec
import pytest

from tercet.cluster.link import Link
from tercet.cluster.messages import Message, Pulse, Report
from tercet.cluster.worker.vitals import PoolWait, Vitals, encoded
from tercet.rpc.base import Server
from tests.support import eventually


class Stub:
    """A server that has what it is given."""

    calls_begun = 7
    calls_running = 2

    def __init__(self, pool: ThreadPoolExecutor | None = None) -> None:
        self.pool = pool

    def statistics(self) -> dict[str, Any]:
        return {"calls_running": 2, "calls": {("/a.B/C", 0): 5, ("/a.B/C", 14): 1, ("", 12): 1}}

    def queue_in_pool(self, work: Any) -> bool:
        if self.pool:
            self.pool.submit(work)
        return self.pool is not None


def stub(pool: ThreadPoolExecutor | None = None) -> Server:
    return cast("Server", Stub(pool))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


async def test_pulses_and_a_report_come(ends: tuple[socket.socket, socket.socket]) -> None:
    heard: list[Message] = []
    theirs = Link(ends[1], on_message=heard.append)
    link = Link(ends[0], on_message=lambda _: None)
    vitals = Vitals(stub(), link, 0.01)
    vitals.start()
    await eventually(lambda: sum(isinstance(each, Pulse) for each in heard) >= 3)
    vitals.stop()
    pulses = [each for each in heard if isinstance(each, Pulse)]
    assert {(each.calls, each.in_flight, each.pool_wait) for each in pulses} == {(7, 2, -1.0)}
    [report] = [each for each in heard if isinstance(each, Report)]
    found = msgspec.json.decode(report.statistics)
    assert found["calls"] == {"/a.B/C": {"0": 5, "14": 1}, "": {"12": 1}}
    assert found["loop"]["pool_wait"] == -1
    link.close()
    theirs.close()


async def test_pulses_go_on_whatever_is_wrong_with_the_figures(
    ends: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Stub):
        calls_begun = property(lambda self: 1 // 0)  # type: ignore[assignment]

        def statistics(self) -> dict[str, Any]:
            raise RuntimeError("no figures")

    heard: list[Message] = []
    supervisor = Link(ends[0], on_message=heard.append)
    worker = Link(ends[1], on_message=lambda message: None)
    vitals = Vitals(cast("Server", Broken()), worker, 0.001)
    vitals.start()
    await eventually(lambda: len(heard) > 3)
    assert {type(message) for message in heard} == {Pulse}
    assert len(caplog.records) == 2
    vitals.stop()
    supervisor.close()
    worker.close()


async def test_a_loop_that_stood_still_tells_how_long(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard: list[Message] = []
    theirs = Link(ends[1], on_message=heard.append)
    link = Link(ends[0], on_message=lambda _: None)
    vitals = Vitals(stub(), link, 0.01)
    vitals.start()
    await eventually(lambda: bool(heard))
    time.sleep(0.2)  # noqa: ASYNC251
    await eventually(lambda: any(isinstance(each, Pulse) and each.lag > 0.1 for each in heard))
    vitals.stop()
    link.close()
    theirs.close()


async def test_nothing_piles_up_while_the_supervisor_stands_still(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    link = Link(ends[0], on_message=lambda _: None)
    while link.offer(Report(msgspec.Raw(b'"' + b"x" * 10_000 + b'"'))):
        pass
    kept = len(link._unsent)
    vitals = Vitals(stub(), link, 0.001)
    vitals.start()
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert len(link._unsent) == kept
    vitals.stop()
    link.close()


async def test_without_a_pool_nothing_waits_and_none_is_made() -> None:
    wait = PoolWait(stub())
    wait.look()
    wait.look()
    assert wait.seconds == -1


async def test_an_idle_pool_takes_work_up_at_once(pool: ThreadPoolExecutor) -> None:
    wait = PoolWait(stub(pool))

    def known() -> bool:
        wait.look()
        return wait.seconds >= 0

    await eventually(known)


async def test_while_all_threads_are_taken_its_time_counts_up(pool: ThreadPoolExecutor) -> None:
    free = threading.Event()
    pool.submit(free.wait)
    wait = PoolWait(stub(pool))
    try:
        wait.look()
        await asyncio.sleep(0.02)
        wait.look()
        first = wait.seconds
        assert first > 0
        await asyncio.sleep(0.02)
        wait.look()
        assert wait.seconds > first
        # One waits, not one for each look.
        assert pool._work_queue.qsize() == 1
    finally:
        free.set()
    last = wait.seconds
    await eventually(lambda: wait._begun is not None)
    wait.look()
    assert wait.seconds >= last


def test_keys_that_json_has_not_are_taken_apart() -> None:
    assert msgspec.json.decode(encoded({"calls": {}, "a": 1})) == {"calls": {}, "a": 1}
