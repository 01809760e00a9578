"""The native pool for an event loop: a job is awaited, and stopped when its caller goes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from tercet.compute._pool import Job, PoolStopped, PythonTiles, QueueFull
from tercet.compute._pool import Pool as NativePool
from tercet.errors import ResourceExhausted, Unavailable

Result = TypeVar("Result")

HINT = "retry; another worker may serve it"


class Pool:
    """Threads shared by all calls of this process. Made and used inside one running loop.

    Args:
        threads: Number of threads.
        queue_limit: Most jobs that wait for a thread.
    """

    def __init__(self, threads: int, queue_limit: int) -> None:
        self.threads = threads
        self._queue_limit = queue_limit
        self._native = NativePool(threads, queue_limit)
        self._waiters: dict[Job, asyncio.Future[None]] = {}
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._native.fileno(), self._take)

    async def run(self, job: Job, threads: int = 0) -> None:
        """Runs a job to its end.

        When the caller is cancelled, the job is told to stop and the cancellation goes on only
        after its last tile is out: nobody sees threads as free that still work.

        Args:
            threads: Most threads that may work on it; 0 means all.

        Raises:
            ResourceExhausted: The queue is full.
            Unavailable: The pool is closing.
            BaseException: Whatever a Python tile raised first.
        """
        try:
            self._native.submit(job, threads)
        except QueueFull:
            raise ResourceExhausted(
                f"the compute queue is full: {self._queue_limit} jobs wait for a thread",
                hint="retry later, or raise compute.queue_limit",
                reason="QUEUE_FULL",
            ) from None
        except PoolStopped:
            raise Unavailable("the compute service is stopping", hint=HINT) from None
        try:
            await self._wait(job)
        except asyncio.CancelledError:
            job.cancel()
            while not (job.done or self._closed):
                with contextlib.suppress(asyncio.CancelledError, Unavailable):
                    await self._wait(job)
            raise
        self._check(job)

    async def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Runs `function(*arguments)`, which should release the GIL, on one thread of the pool.

        Raises:
            As `run`.
        """
        results: list[Result] = []
        await self.run(PythonTiles(lambda low, high: results.append(function(*arguments)), 1, 1), 1)
        return results[0]

    def statistics(self) -> dict[str, int]:
        """Counts of threads and jobs: see `tercet.compute._pool.Pool.statistics`."""
        return {**self._native.statistics()}  # type: ignore[dict-item]

    async def close(self, timeout: float = 0.5) -> bool:
        """Cancels every job and ends the threads.

        Args:
            timeout: Seconds to wait for the tiles that run. Ours poll their flag each
                millisecond; a codec's cannot be stopped.

        Returns:
            Whether all threads have ended.
        """
        ended = await asyncio.to_thread(self._native.close, timeout)
        self._loop.remove_reader(self._native.fileno())
        self._take()
        self._closed = True
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(_stopped(began=True))
        return ended

    async def _wait(self, job: Job) -> None:
        waiter = self._loop.create_future()
        self._waiters[job] = waiter
        await waiter

    def _take(self) -> None:
        for job in self._native.finished():
            waiter = self._waiters.pop(job)
            if not waiter.done():
                waiter.set_result(None)

    @staticmethod
    def _check(job: Job) -> None:
        if job.error is not None:
            # The exception's traceback refers to frames that refer to the job.
            error, job.error = job.error, None
            try:
                raise error
            finally:
                del error
        if job.cancelled:
            raise _stopped(began=job.began)


def _stopped(*, began: bool) -> Unavailable:
    reason = "WORKER_LOST" if began else "NOT_STARTED"
    return Unavailable("the compute service stopped", hint=HINT, reason=reason)
