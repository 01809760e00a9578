"""The pool under an event loop. Jobs of fib(50) x 1024 end by a cancel or not within the tests."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from tercet.compute._pool import Job, PythonTiles
from tercet.compute.kernels._fibonacci import Fibonacci
from tercet.compute.pool import Pool
from tercet.errors import ResourceExhausted, Unavailable
from tests.unit.compute.blocker import Blocker

FOREVER = (50, 1024)


async def running(pool: Pool) -> None:
    while not pool.statistics()["running"]:  # noqa: ASYNC110 - a C thread sets no Event
        await asyncio.sleep(0)


async def test_many_jobs_at_once(pool: Pool):
    jobs = [Fibonacci(n, 4) for n in range(5)]
    await asyncio.gather(*map(pool.run, jobs))
    assert [job.output[0] for job in jobs] == [0, 1, 1, 2, 3]


async def test_call_gives_what_the_function_returns(pool: Pool):
    assert await pool.call(divmod, 17, 5) == (3, 2)


async def test_an_exception_of_a_tile_reaches_the_caller(pool: Pool):
    with pytest.raises(ZeroDivisionError):
        await pool.call(divmod, 1, 0)
    job = PythonTiles(lambda low, high: [][low], 100, 1)
    with pytest.raises(IndexError):
        await pool.run(job)
    assert job.error is None  # No cycle through the traceback is left.


async def test_a_cancelled_caller_goes_on_when_the_last_tile_is_out(pool: Pool):
    job = Fibonacci(*FOREVER)
    task = asyncio.create_task(pool.run(job))
    await running(pool)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert job.done
    assert (pool.statistics()["running"], pool.statistics()["cancelled"]) == (0, 1)
    again = Fibonacci(10, 1)
    await pool.run(again)
    assert again.output.tolist() == [55]


async def test_cancelling_again_does_not_let_go_of_running_tiles(pool: Pool):
    async with Blocker(pool) as blocker:
        task = blocker._tasks[0]
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
        blocker._gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        blocker._tasks.remove(task)


async def test_a_timeout_stops_the_job(pool: Pool):
    job = Fibonacci(*FOREVER)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pool.run(job), 0.01)
    assert job.done and job.cancelled


async def test_a_queued_job_is_cancelled_while_all_threads_are_busy(pool: Pool):
    async with Blocker(pool):
        job = Fibonacci(*FOREVER)
        task = asyncio.create_task(pool.run(job))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert job.done and not job.began


async def test_a_full_queue_refuses_at_once(pool: Pool):
    async with Blocker(pool):
        waiting = [asyncio.create_task(pool.run(Job())) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhausted, match="4 jobs wait") as refused:
            await pool.run(Job())
        assert refused.value.reason == "QUEUE_FULL" and refused.value.hint
    await asyncio.gather(*waiting)
    await pool.run(Job())


async def test_closing_answers_every_caller():
    pool = Pool(1, 4)
    tasks = [asyncio.create_task(pool.run(Fibonacci(*FOREVER))) for _ in range(3)]
    await running(pool)
    assert await pool.close(60)
    errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(error, "reason", error) for error in errors] == [
        "WORKER_LOST",
        "NOT_STARTED",
        "NOT_STARTED",
    ]
    with pytest.raises(Unavailable):
        await pool.run(Job())


async def test_closing_does_not_wait_for_a_tile_that_stays():
    pool = Pool(1, 4)
    async with Blocker(pool) as blocker:
        assert not await pool.close(0)
        with pytest.raises(Unavailable):
            await blocker._tasks.pop()
    # The thread must be gone before the interpreter is.
    assert await asyncio.to_thread(pool._native.close, 60)


def test_serves_uvloop():
    async def main() -> list[int]:
        pool = Pool(2, 4)
        job = Fibonacci(10, 2)
        await pool.run(job)
        assert await pool.close(30)
        return job.output.tolist()

    assert uvloop.run(main()) == [55, 55]
