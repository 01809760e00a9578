"""Calls at a pace, what becomes of them, and probes that wait for somebody."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from benchmarks import callers
from benchmarks.callers import PACE, Door, calling, following, probe, workers
from benchmarks.ports import HOST, free_port
from benchmarks.wire.http1 import Http1
from tests.support import eventually
from tests.unit.benchmarks.loopback import served


@asynccontextmanager
async def serving(answer: Callable[[int], bytes]) -> AsyncIterator[Door]:
    """Over HTTP/1.1; `answer` is told how many requests came before, b"" ends the connection."""
    count = 0

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while await reader.readuntil(b"\r\n\r\n"):
            said = answer(count)
            count += 1
            if not said:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)

    async with served(peer) as address:
        yield Door(Http1, address)


async def test_calls_are_counted_with_what_became_of_them() -> None:
    async with (
        serving(lambda count: b"" if count == 3 else b"7") as door,
        calling(door, clients=2) as tally,
    ):
        await eventually(lambda: tally.calls >= 8)
    assert tally.lost == Counter({"connection closed": 1})
    assert tally.answered == tally.calls - 1
    assert tally.pids == {7}


async def test_a_client_that_was_refused_calls_again_when_its_next_call_is_due() -> None:
    door = Door(Http1, f"{HOST}:{free_port()}")
    async with calling(door, clients=1) as tally:
        await eventually(lambda: tally.lost.total() >= 3)
    assert set(tally.lost) == {"connection refused"}
    assert tally.answered == 0


@pytest.mark.parametrize(
    ("late", "beats"),
    [(0.0, 1), (0.5, 1), (1.5, 2), (7.25, 8)],
)
def test_what_was_due_meanwhile_is_left_out(late: float, beats: int) -> None:
    assert following(100.0, 100.0 + late * PACE) == pytest.approx(100.0 + beats * PACE)


async def test_a_probe_waits_for_whom_it_wants() -> None:
    async with serving(lambda count: b"8" if count > 4 else b"7") as door:
        await probe(door, lambda pid: pid == 8, 10.0)


async def test_workers_are_who_answers() -> None:
    async with serving(lambda count: b"%d" % (count // 3)) as door:
        assert await workers(door, 3, 10.0) == {0, 1, 2}


async def test_a_probe_gives_up() -> None:
    with pytest.raises(TimeoutError):
        await probe(Door(Http1, f"{HOST}:{free_port()}"), lambda _: True, 3 * callers.PROBE)
