"""Wakes all who wait for something to change."""

from __future__ import annotations

import asyncio


class Changes:
    """One event per change: a waiter holds only the one that it waits for, so one that goes away
    leaves nothing behind.

    What a waiter has read and `next` belong into one turn of the loop, else it misses a change.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.closed = False

    def made(self) -> None:
        """Something has changed."""
        self._next.set()
        if not self.closed:
            self._next = asyncio.Event()

    def close(self) -> None:
        """Nothing changes any more; nobody waits from now on."""
        self.closed = True
        self.made()

    async def next(self) -> None:
        """Returns at the next change, at once when there are no more."""
        await self._next.wait()
