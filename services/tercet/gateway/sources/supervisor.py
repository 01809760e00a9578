"""The upstreams that are services of this mesh, from the supervisor's lists of workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from tercet.cluster.messages import Message, WorkerRecord, Workers
from tercet.cluster.states import State
from tercet.gateway.sources.source import Address, Found, Update

# Seconds until a slot is filled again that calls may well wait for: a crash loop takes longer.
SOON = 1.0


class Supervisor:
    """Follows the list of workers.

    It comes over this process's own link: calls depend on no other process.

    Args:
        listed: Called back with each list, whoever is in it.
        taken: Called back with the version of each list when the upstreams are as it says. Lists
            that were followed by another before they were looked at are skipped.
    """

    def __init__(
        self,
        *,
        listed: Callable[[Iterable[WorkerRecord]], None] = lambda _: None,
        taken: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._listed = listed
        self._taken = taken
        self._served: dict[str, frozenset[str] | None] = {}
        self._newest: Workers | None = None
        self._news = asyncio.Event()

    def hear(self, message: Message) -> None:
        """Takes note of what the supervisor says, if it is a list."""
        if isinstance(message, Workers):
            self._newest = message
            self._news.set()

    async def follow(self, update: Update) -> None:
        if self._newest:
            # Whoever fails to take over a list is given it again.
            self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            message = self._newest
            assert message
            self._listed(message.workers)
            update(self.found(message.workers))
            self._taken(message.version)

    def failed(self) -> None:
        """The supervisor knows sooner than anyone when a worker is gone."""

    def found(self, workers: Iterable[WorkerRecord]) -> list[Found]:
        """The upstreams that a list of workers means.

        A service is there, with all that it served last, while it has workers in any state: a call
        for a service whose workers are all gone is UNAVAILABLE, not UNIMPLEMENTED.
        """
        ready: dict[str, list[WorkerRecord]] = {}
        expected: set[str] = set()
        for worker in workers:
            if worker.routed:
                of_service = ready.setdefault(worker.service, [])
                if worker.state is State.READY:
                    of_service.append(worker)
                elif _comes_soon(worker):
                    expected.add(worker.service)
        self._served = {
            name: frozenset(served for worker in of_service for served in worker.grpc_services)
            if of_service
            else self._served.get(name)
            for name, of_service in ready.items()
        }
        return [
            Found(
                name,
                tuple(Address(worker.address) for worker in of_service),
                self._served[name],
                tells=True,
                expected=name in expected,
            )
            for name, of_service in ready.items()
        ]


def _comes_soon(worker: WorkerRecord) -> bool:
    """Whether one that is not ready will be, or its successor."""
    if worker.state is State.GONE:
        return worker.retry - time.time() <= SOON
    return worker.state is State.STARTING
