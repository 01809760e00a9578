"""One service of the mesh: its slots, and the addresses that their workers share.

Guarantees: slots are numbered from 0 without a gap; one that is added serves before `scale` returns
and is taken away again if it does not; new connections are not sent to a slot whose worker is not
there, does not turn, or is about to go, as long as there is another.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Iterator

from tercet.cluster.doors import Doors
from tercet.cluster.messages import ServiceRecord
from tercet.cluster.plan import Plan
from tercet.cluster.slot import NotReplaced, Slot
from tercet.cluster.surroundings import Surroundings

log = logging.getLogger("tercet")


class Crew:
    """Runs on the supervisor's loop.

    Args:
        plan: What its workers are to be.
        doors: What they are connected to by.
    """

    def __init__(self, plan: Plan, doors: Doors, surroundings: Surroundings) -> None:
        self.plan = plan
        self.doors = doors
        self.slots: list[Slot] = []
        self.wanted = plan.service.workers
        self._surroundings = surroundings
        self._generations: dict[int, Iterator[int]] = {}
        self._keepers: dict[Slot, asyncio.Task[None]] = {}
        self._retiring: list[Slot] = []

    @property
    def name(self) -> str:
        return self.plan.service.name

    def record(self) -> ServiceRecord:
        service = self.plan.service
        return ServiceRecord(
            name=self.name,
            target=service.target,
            workers=self.wanted,
            bind=self.plan.shown,
            engine=self.plan.engine,
            routed=service.routed,
            gateway=service.gateway,
            preload=service.preload,
        )

    def all_slots(self) -> list[Slot]:
        """Those that are about to go too."""
        return [*self.slots, *self._retiring]

    def start(self) -> None:
        """Fills as many slots as the plan says."""
        while len(self.slots) < self.wanted:
            self._add()

    async def fill(self) -> None:
        """Starts it, and waits until each slot is filled by one that serves.

        Raises:
            NotReplaced: A first worker did not become ready.
        """
        self.start()
        for slot in self.slots:
            await self._filled(slot)

    def keepers(self) -> list[asyncio.Task[None]]:
        return list(self._keepers.values())

    async def scale(self, workers: int) -> None:
        """Gives it so many workers.

        Raises:
            NotReplaced: A new one did not become ready; there are as many as before.
        """
        before = len(self.slots)
        self.wanted = workers
        added = [self._add() for _ in range(before, workers)]
        try:
            for slot in added:
                await self._filled(slot)
        except NotReplaced:
            self.wanted = before
            await self._retire(added)
            raise
        await self._retire(self.slots[workers:])

    async def replace(self, plan: Plan, doors: Doors | None = None) -> None:
        """Replaces all of its workers, one after another.

        Args:
            doors: Others than it has, if any.

        Raises:
            NotReplaced: One did not become ready; it and those after it go on as they were.
        """
        old, self.doors = self.doors, doors or self.doors
        try:
            for slot in list(self.slots):
                await slot.replace(plan)
        except NotReplaced:
            if doors and not any(slot.plan is plan for slot in self.slots):
                self.doors = old
                doors.close()
            raise
        self.plan = plan
        if doors:
            old.close()

    async def recycle(self, slot: Slot) -> None:
        """Replaces one worker by another of the same plan.

        Raises:
            NotReplaced: That one did not become ready; the old one goes on.
        """
        await slot.replace(slot.plan)

    def steer(self) -> None:
        """Sends new connections to where somebody takes them."""
        self.doors.steer({slot.number for slot in self.all_slots() if not slot.accepts})

    def stop(self, grace: float) -> None:
        for slot in self.all_slots():
            slot.stop(grace)

    async def ended(self) -> None:
        """Until none of its processes is left, after `stop`."""
        for slot in self.all_slots():
            await slot.empty()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)

    async def retire(self) -> None:
        """Takes the whole service away, in order."""
        self.wanted = 0
        await self._retire(self.slots)
        self.doors.close()

    def close(self) -> None:
        self.doors.close()

    def _add(self) -> Slot:
        number = len(self.slots)
        self.doors.add(number)
        usable = sorted(os.sched_getaffinity(0))
        slot = Slot(
            self.plan,
            number,
            self._surroundings,
            generations=self._generations.setdefault(number, itertools.count(1)),
            doors=lambda: self.doors,
            cpu=usable[number % len(usable)],
        )
        self.slots.append(slot)
        self._keepers[slot] = asyncio.create_task(slot.keep())
        return slot

    async def _filled(self, slot: Slot) -> None:
        """Until it is filled by one that serves.

        Raises:
            NotReplaced: The first one that tried did not become ready.
        """
        ready = asyncio.ensure_future(slot.ready.wait())
        failed = asyncio.ensure_future(slot.failed.wait())
        await asyncio.wait({ready, failed}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        failed.cancel()
        if not slot.ready.is_set():
            raise NotReplaced(f"{slot}: {slot.last_exit}")

    async def _retire(self, slots: list[Slot]) -> None:
        """Takes slots away from the end of the list; returns when they are gone."""
        going = list(slots)
        for slot in going:
            self.slots.remove(slot)
            self._retiring.append(slot)
        await asyncio.gather(*map(self._let_go, reversed(going)))

    async def _let_go(self, slot: Slot) -> None:
        await slot.retire(lambda: self.doors.empty(slot.number))
        await self._keepers.pop(slot)
        self._retiring.remove(slot)
        self.doors.remove(slot.number)
        self._surroundings.changed()
