"""Clients that call at a steady pace and never try again; and probes that wait for somebody."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.wire.connection import Connection, Lost, dial

CLIENTS = 16
# Seconds from the start of one call of a client to that of its next.
PACE = 0.02
# Seconds between probes, of which there are so many at once at most.
PROBE = 0.005
PROBES = 16


@dataclass(frozen=True)
class Door:
    """Where to call, and how."""

    kind: type[Connection]
    address: str

    async def open(self) -> Connection:
        """Raises:
        Lost: Nobody took the connection.
        """
        return await dial(self.kind, self.address)


@dataclass
class Tally:
    """What became of calls.

    Attributes:
        lost: Calls without an answer, by the reason.
        pids: Who has answered.
    """

    answered: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    pids: set[int] = field(default_factory=set)

    @property
    def calls(self) -> int:
        return self.answered + self.lost.total()


@asynccontextmanager
async def calling(door: Door, clients: int = CLIENTS) -> AsyncIterator[Tally]:
    """Has so many clients call while the block runs; their last calls end with it."""
    tally, enough = Tally(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            # Spread over the first interval.
            group.create_task(_client(door, PACE * number / clients, tally, enough))
        try:
            yield tally
        finally:
            enough.set()


async def _client(door: Door, delay: float, tally: Tally, enough: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + delay
    connection: Connection | None = None
    while not enough.is_set():
        await asyncio.sleep(due - loop.time())
        try:
            if connection is None or not connection.usable:
                connection = await door.open()
            tally.pids.add(await connection.call())
        except Lost as lost:
            tally.lost[lost.kind] += 1
            if connection:
                connection.close()
            connection = None
        else:
            tally.answered += 1
        due = following(due, loop.time())
    if connection:
        connection.close()


def following(due: float, now: float) -> float:
    """When the next call is due: on the beat, without those that have passed meanwhile."""
    passed = max(0, int((now - due) / PACE))
    return due + PACE * (passed + 1)


async def probe(door: Door, enough: Callable[[int], bool], timeout: float) -> float:
    """Calls on fresh connections, again and again, until an answer's pid is enough.

    Returns:
        When it came, as `time.perf_counter` counts.

    Raises:
        TimeoutError: None came.
    """
    found: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    under_way: set[asyncio.Task[None]] = set()

    async def once() -> None:
        try:
            connection = await door.open()
        except Lost:
            return
        try:
            pid = await connection.call()
            if not found.done() and enough(pid):
                found.set_result(time.perf_counter())
        except Lost:
            pass
        finally:
            connection.close()

    async def all_of_them() -> None:
        while not found.done():
            if len(under_way) < PROBES:
                task = asyncio.create_task(once())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.wait([found], timeout=PROBE)

    try:
        async with asyncio.timeout(timeout):
            await all_of_them()
        return found.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def workers(door: Door, count: int, timeout: float) -> set[int]:
    """The pids of so many workers: whoever answers is one.

    Raises:
        TimeoutError: Fewer have answered.
    """
    seen: set[int] = set()

    def enough(pid: int) -> bool:
        seen.add(pid)
        return len(seen) >= count

    await probe(door, enough, timeout)
    return seen
