from __future__ import annotations

import asyncio

import pytest

from tercet.errors import ResourceExhausted, Unavailable
from tercet.executor.running import Running


class Fake:
    """A run that ends when it is told."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.done = asyncio.Event()
        self.abandoned: list[bool] = []
        self._stubborn = stubborn

    async def run(self) -> str:
        await self.done.wait()
        return "result"

    def abandon(self, *, at_once: bool) -> None:
        self.abandoned.append(at_once)
        if at_once or not self._stubborn:
            self.done.set()


async def test_a_run_counts_until_it_has_ended() -> None:
    running, run = Running(3), Fake()
    task = asyncio.create_task(running.guard(run, 2))
    await asyncio.sleep(0)
    assert running.programs == 2
    running.check(1)
    with pytest.raises(ResourceExhausted) as refused:
        running.check(2)
    assert refused.value.retry_after > 0
    run.done.set()
    assert await task == "result"
    assert running.programs == 0


async def test_a_run_whose_caller_goes_away_still_counts_until_it_has_ended() -> None:
    running, run = Running(3), Fake(stubborn=True)
    task = asyncio.create_task(running.guard(run, 2))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert run.abandoned == [False]
    assert running.programs == 2
    run.done.set()
    await asyncio.sleep(0.01)
    assert running.programs == 0


async def test_closing_asks_first_then_insists_and_admits_nobody() -> None:
    running, run = Running(3), Fake(stubborn=True)
    task = asyncio.create_task(running.guard(run, 1))
    await asyncio.sleep(0)
    await running.close(0.01)
    assert run.abandoned == [False, True]
    assert await task == "result"
    with pytest.raises(Unavailable):
        running.check(1)


async def test_the_failure_of_a_run_is_its_callers() -> None:
    class Failing(Fake):
        async def run(self) -> str:
            raise RuntimeError("failed")

    running = Running(1)
    with pytest.raises(RuntimeError, match="failed"):
        await running.guard(Failing(), 1)
    assert running.programs == 0
