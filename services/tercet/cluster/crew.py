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
from tercet.cluster.slot import Slot
from tercet.cluster.surroundings import Surroundings
from tercet.cluster.zygote.starter import Zygote
from tercet.errors import TercetError

log = logging.getLogger("tercet")


class Crew:
    """Runs on the supervisor's loop.

    Args:
        plan: What its workers are to be.
        generations: Numbers for processes, by slot, of the services of that name before this one
            too: no socket's path is used twice.
    """

    def __init__(
        self,
        plan: Plan,
        surroundings: Surroundings,
        generations: dict[int, Iterator[int]] | None = None,
    ) -> None:
        self.plan = plan
        self.slots: list[Slot] = []
        self.wanted = plan.service.workers
        self._surroundings = surroundings
        self._generations = {} if generations is None else generations
        self._keepers: dict[Slot, asyncio.Task[None]] = {}
        self._retiring: list[Slot] = []

    @property
    def name(self) -> str:
        return self.plan.service.name

    @property
    def doors(self) -> Doors:
        """What its workers are connected to by."""
        return self.plan.doors

    def all_doors(self) -> list[Doors]:
        """With others that some have, since not all could be replaced."""
        return list(dict.fromkeys(plan.doors for plan in self._plans()))

    def doors_for(self, bind: str, engine: str) -> Doors | None:
        """Those that it has for an address, as it was asked for."""
        for plan in self._plans():
            if (plan.service.bind, plan.engine) == (bind, engine):
                return plan.doors
        return None

    def _plans(self) -> list[Plan]:
        return [self.plan, *(slot.plan for slot in self.all_slots())]

    def _zygotes(self) -> list[Zygote]:
        return list(dict.fromkeys(plan.zygote for plan in self._plans() if plan.zygote))

    @staticmethod
    async def _end_zygotes(zygotes: list[Zygote]) -> None:
        for zygote in zygotes:
            zygote.stop()
        for zygote in zygotes:
            await zygote.gone()

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
            await slot.filled()

    def keepers(self) -> list[asyncio.Task[None]]:
        return list(self._keepers.values())

    async def scale(self, workers: int) -> None:
        """Gives it so many workers.

        Raises:
            NotReplaced: A new one did not become ready; there are as many as before.
            ConfigError: There is no socket for one; likewise.
        """
        before = len(self.slots)
        self.wanted = workers
        try:
            while len(self.slots) < workers:
                self._add()
            for slot in self.slots[before:]:
                await slot.filled()
        except (TercetError, OSError):
            self.wanted = before
            await self._retire(self.slots[before:])
            raise
        await self._retire(self.slots[workers:])

    async def replace(self, plan: Plan) -> None:
        """Replaces all of its workers, one after another.

        Raises:
            ConfigError: There is no socket for one of them.
            NotReplaced: One did not become ready; it and those after it go on as they were.
        """
        for slot in self.slots:
            plan.doors.add(slot.number)
        before = self.all_doors()
        zygotes = [*self._zygotes(), plan.zygote]
        try:
            for slot in list(self.slots):
                await slot.replace(plan)
            self.plan = plan
        finally:
            for zygote in zygotes:
                if zygote and zygote not in self._zygotes():
                    zygote.stop()
        for doors in set(before) - set(self.all_doors()):
            doors.close()

    async def recycle(self, slot: Slot) -> None:
        """Replaces one worker by another of the same plan.

        Raises:
            NotReplaced: That one did not become ready; the old one goes on.
        """
        await slot.replace(slot.plan)

    def steer(self) -> None:
        """Sends new connections to where somebody takes them."""
        for doors in self.all_doors():
            taking = {
                slot.number
                for slot in self.all_slots()
                if slot.accepts and slot.plan.doors is doors
            }
            # If nobody takes them now, they wait where somebody will: not with those that go.
            staying = {slot.number for slot in self.slots if slot.plan.doors is doors}
            # Whether there is somebody for that socket or not.
            doors.steer(doors.slots() - (taking or staying))

    def stop(self, grace: float) -> None:
        for slot in self.all_slots():
            slot.stop(grace)

    async def ended(self) -> None:
        """Until none of its processes is left, after `stop`."""
        for slot in self.all_slots():
            await slot.empty()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        await self._end_zygotes(self._zygotes())

    async def retire(self) -> None:
        """Takes the whole service away, in order."""
        self.wanted = 0
        all_doors, zygotes = self.all_doors(), self._zygotes()
        await self._retire(self.slots)
        await self._end_zygotes(zygotes)
        for doors in all_doors:
            doors.close()

    def close(self) -> None:
        for doors in self.all_doors():
            doors.close()

    def _add(self) -> Slot:
        number = len(self.slots)
        self.doors.add(number)
        usable = sorted(os.sched_getaffinity(0))
        slot = Slot(
            self.plan,
            number,
            self._surroundings,
            generations=self._generations.setdefault(number, itertools.count(1)),
            cpu=usable[number % len(usable)],
        )
        self.slots.append(slot)
        self._keepers[slot] = asyncio.create_task(slot.keep())
        return slot

    async def _retire(self, slots: list[Slot]) -> None:
        """Takes slots away from the end of the list; returns when they are gone."""
        going = list(slots)
        for slot in going:
            self.slots.remove(slot)
            self._retiring.append(slot)
        await asyncio.gather(*map(self._let_go, reversed(going)))

    async def _let_go(self, slot: Slot) -> None:
        await slot.retire(lambda: slot.plan.doors.empty(slot.number))
        await self._keepers.pop(slot)
        all_doors = self.all_doors()
        self._retiring.remove(slot)
        for doors in all_doors:
            doors.remove(slot.number)
        self._surroundings.changed()
