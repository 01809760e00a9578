"""Changes of the mesh, one at a time: reload, scale, recycle.

Guarantees: they are made in the order in which they were asked for; requests for a reload that come
while one runs share the next; nothing begins when the mesh is about to stop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tercet.errors import TercetError

log = logging.getLogger("tercet")
T = TypeVar("T")


class Stopping(TercetError):
    """The mesh stops."""

    default_reason = "STOPPING"


class Operations:
    """Lives on the supervisor's loop.

    Args:
        changed: Called when `name` has changed.

    Attributes:
        name: What is under way; "" if nothing is.
        closed: Whether the mesh stops.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.name = ""
        self._changed = changed
        self.closed = False
        self._turn = asyncio.Lock()
        self._next_reload: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, name: str, change: Callable[[], Awaitable[T]]) -> T:
        """Makes a change when those before it are made.

        Raises:
            Stopping: The mesh stops.
        """
        async with self._turn:
            if self.closed:
                raise Stopping("the mesh stops")
            self.name = name
            self._changed()
            try:
                return await change()
            finally:
                self.name = ""
                self._changed()

    def begin(self, change: Awaitable[None]) -> None:
        """Has a change made that nobody waits for; a failure was logged by who made it."""
        task = asyncio.ensure_future(_quietly(change))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reload(self, change: Callable[[], Awaitable[None]]) -> None:
        """Makes a reload that begins from now on, maybe together with others who want one."""
        if self._next_reload is None:
            self._next_reload = asyncio.ensure_future(self._reload(change))
        await asyncio.shield(self._next_reload)

    def close(self) -> None:
        """Nothing begins from now on."""
        self.closed = True

    async def _reload(self, change: Callable[[], Awaitable[None]]) -> None:
        async def begun() -> None:
            # Who asks from here on wants what is read after this.
            self._next_reload = None
            await change()

        try:
            await self.run("reload", begun)
        finally:
            # Where it has not begun.
            if self._next_reload is asyncio.current_task():
                self._next_reload = None


async def _quietly(change: Awaitable[None]) -> None:
    try:
        await change
    except TercetError:
        return
    except Exception:
        log.exception("a change of the mesh has failed by a bug")
