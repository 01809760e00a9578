"""Tells gateways and the control process who the workers are, and knows when gateways have heard.

Guarantees: the changes of one loop turn make one version; `settle` returns when every gateway that
takes calls has taken over the list as it was at that moment, or is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from tercet.cluster.life import Life
from tercet.cluster.messages import WorkerRecord, Workers

log = logging.getLogger("tercet")

# Seconds. A gateway that hangs is killed before; one that does not hang and does not take a list
# over either is a bug, for which a mesh must not stand still.
LONGEST = 60.0


class Publisher:
    """Lives on the supervisor's loop.

    Args:
        records: Makes the list, as it is now.
        readers: Those who are to have it.
    """

    def __init__(
        self,
        records: Callable[[], list[WorkerRecord]],
        readers: Callable[[], Iterable[Life]],
    ) -> None:
        self._records = records
        self._readers = readers
        self._version = 0
        self._scheduled = False
        self._acknowledged: dict[Life, int] = {}
        self._news = asyncio.Event()

    def changed(self) -> None:
        """The list is not what it was."""
        self._wake()
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._publish_if_changed)

    def acknowledged(self, gateway: Life, version: int) -> None:
        self._acknowledged[gateway] = version
        self._wake()

    async def settle(self) -> None:
        """Until every gateway has taken over the list as it is now, or LONGEST has passed."""
        version = self.publish()
        try:
            async with asyncio.timeout(LONGEST):
                while self._late(version):
                    await self._news.wait()
        except TimeoutError:
            late = ", ".join(map(str, self._late(version)))
            log.error("%s has not taken over the list of workers in %g s", late, LONGEST)

    def publish(self) -> int:
        """Sends the list now; its version."""
        self._scheduled = False
        self._version += 1
        message = Workers(version=self._version, workers=self._records())
        readers = list(self._readers())
        self._acknowledged = {
            life: version for life, version in self._acknowledged.items() if life in readers
        }
        for life in readers:
            life.link.send(message)
        return self._version

    def _publish_if_changed(self) -> None:
        if self._scheduled:
            self.publish()

    def _late(self, version: int) -> list[Life]:
        """Gateways that take calls and have not taken over that version."""
        return [
            life
            for life in self._readers()
            if life.spec.region and life.is_bound and self._acknowledged.get(life, 0) < version
        ]

    def _wake(self) -> None:
        # One event per change: who waits looks again.
        self._news.set()
        self._news = asyncio.Event()
