"""Holds all threads of a pool until it is told to let go."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from tercet.compute.pool import Pool


class Blocker:
    """`async with Blocker(pool):` begins when every thread is held, and ends when all are back."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._gate = threading.Event()
        self._began = threading.Semaphore(0)
        self._tasks: list[asyncio.Task[None]] = []

    def _hold(self) -> None:
        self._began.release()
        self._gate.wait()

    async def __aenter__(self) -> Blocker:
        for _ in range(self._pool.threads):
            self._tasks.append(asyncio.create_task(self._pool.call(self._hold)))
        for _ in self._tasks:
            await asyncio.to_thread(self._began.acquire)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._gate.set()
        await asyncio.gather(*self._tasks)
