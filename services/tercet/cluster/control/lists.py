"""The mesh as the supervisor describes it: its workers, and what they are meant to be."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tercet.cluster.control.changes import Changes
from tercet.cluster.messages import Description, WorkerRecord, Workers
from tercet.errors import Unavailable


class Lists:
    """The newest of each; the supervisor is never asked."""

    def __init__(self) -> None:
        self._workers: Workers | None = None
        self._description: Description | None = None
        self._changes = Changes()

    @property
    def records(self) -> list[WorkerRecord]:
        """All workers; none before the first list."""
        return self._workers.workers if self._workers else []

    @property
    def seen(self) -> Description | None:
        """The newest description, if there is one."""
        return self._description

    def update(self, message: Workers | Description) -> None:
        if isinstance(message, Workers):
            self._workers = message
        else:
            self._description = message
        self._changes.made()

    def shut_down(self) -> None:
        """Ends all watches."""
        self._changes.close()

    async def workers(self) -> Workers:
        """The list, as soon as there is one.

        Raises:
            Unavailable: The mesh stops before.
        """
        # This process's socket is open before the supervisor has told it anything. "No workers"
        # would be believed: a gateway would forget its routes.
        while self._workers is None:
            await self._next()
        return self._workers

    async def description(self) -> Description:
        """The description, as soon as there is one.

        Raises:
            Unavailable: The mesh stops before.
        """
        while self._description is None:
            await self._next()
        return self._description

    async def watch(self) -> AsyncIterator[Workers]:
        """The list, and again after each change; a slow reader misses those between."""
        said = None
        while not self._changes.closed:
            if self._workers is said or self._workers is None:
                await self._changes.next()
            else:
                said = self._workers
                yield said

    async def _next(self) -> None:
        if self._changes.closed:
            raise Unavailable("the control process ends", reason="STOPPING", retry_after=1.0)
        await self._changes.next()
