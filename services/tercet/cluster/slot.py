"""One place in the mesh, filled by one worker process after another.

Guarantees:
* each process has its own generation and its own socket path;
* a worker that dies by itself, cannot be started now, or is not ready within the boot timeout, is
  replaced after a backoff, until the slot is told to stop;
* `replace` puts a successor beside a worker, which goes only when that one serves; one that does
  not become ready changes nothing;
* a worker that is to go drains first: unlisted, every gateway knows it, then it is told;
* a gateway's row in the region is zeroed when it is dead, before another gets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from random import Random

from tercet.cluster.backoff import Backoff
from tercet.cluster.hiring import Hiring
from tercet.cluster.life import Life
from tercet.cluster.messages import EventKind, Message, WorkerRecord
from tercet.cluster.plan import Plan
from tercet.cluster.recycling import Wear, resident
from tercet.cluster.spec import CONTROL
from tercet.cluster.states import State
from tercet.cluster.surroundings import Surroundings
from tercet.errors import TercetError

log = logging.getLogger("tercet")

# Seconds that a slot which is to go waits for its worker to accept what is queued.
EMPTYING = 10.0


class NotReplaced(TercetError):
    """A successor did not become ready; who was to be replaced goes on."""

    default_reason = "NOT_REPLACED"


class Slot:
    """Runs on the supervisor's loop.

    Args:
        plan: What its workers are to be.
        generations: Numbers for its processes; none is given twice.

    Attributes:
        current: The worker that fills it; None between two.
        ready: Set while it is filled by one that serves.
        failed: Set since one has died by itself, until one serves.
    """

    def __init__(
        self,
        plan: Plan,
        number: int,
        surroundings: Surroundings,
        *,
        generations: Iterator[int],
        cpu: int = -1,
    ) -> None:
        self.plan = plan
        self.number = number
        self.ready = asyncio.Event()
        self.failed = asyncio.Event()
        self.current: Life | None = None
        self._surroundings = surroundings
        self._hiring = Hiring(number, surroundings, generations=generations, cpu=cpu)
        self._coming: Life | None = None
        # What the one that comes is.
        self._next = plan
        self._succeeded = False
        self._leaving: list[Life] = []
        self._wear: dict[Life, Wear] = {}
        self._told_of: set[Life] = set()
        # Who filled it last, until that is answered.
        self._fallen: Life | None = None
        self._news = asyncio.Event()
        self._backoff = Backoff(rng=Random())
        self._deaths = 0
        self._ending = asyncio.Event()
        # Of control processes that nobody waits for.
        self._replacing = False
        self._restarts = 0
        self.last_exit = ""
        self._retry = 0.0

    # -- what there is -----------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.plan.service.name

    @property
    def generation(self) -> int:
        """Of the worker that was started last."""
        return self._hiring.generation

    def lives(self) -> list[Life]:
        """Its processes, the one that fills it first."""
        lives = (self.current, self._coming, *self._leaving)
        # One that was to come and has ended stays there until `replace` has its turn: whoever waits
        # for all of them to end would never give it one.
        return [life for life in lives if life and not life.over.is_set()]

    @property
    def accepts(self) -> bool:
        """Whether new connections on its own socket find somebody."""
        life = self.current
        taking = bool(life and life.is_bound and life.state is State.READY and not life.stalls)
        return taking and not self._ending.is_set()

    def worn(self) -> str:
        """Why who fills it is to be replaced although it is well; "" if it is not."""
        life = self.current
        if not life or life.state is not State.READY:
            return ""
        if life.leaving:
            return "it was sent TERM"
        wear = self._wear[life]
        why = wear.due(calls=life.pulse.calls, age=life.age)
        if not why and wear.wants_sample(life.age):
            why = wear.sample(resident(life.pid), life.age)
        return why

    def records(self) -> list[WorkerRecord]:
        """Its processes, as they are told of; if there is none, that there is none."""
        return [self._record(life) for life in self.lives()] or [self._record(None)]

    # -- being filled ------------------------------------------------------------------------

    async def keep(self) -> None:
        """Keeps the slot filled until `stop` or `retire`."""
        while not self._ending.is_set():
            if self.current or self._replacing:
                # Whoever comes is the next, if it becomes ready.
                await self._news.wait()
            elif self._fallen:
                fallen, self._fallen = self._fallen, None
                if not await self._recover(fallen.code, fallen.served, fallen.age):
                    return
            else:
                try:
                    self.current = self._start(self.plan)
                except OSError as error:
                    # The machine is short of something now. That may pass, and the others go on.
                    self.last_exit = f"could not be started: {error.strerror}"
                    if not await self._recover(os.EX_OSERR, 0.0, 0.0):
                        return

    async def _recover(self, code: int, served: float, age: float) -> bool:
        """Waits for the next try; False if there is to be none."""
        if self._ending.is_set():
            return False
        self._restarts += 1
        self.failed.set()
        # Killed from outside while it served: no fault of its own.
        innocent = code == -signal.SIGKILL and served > 0
        self._deaths = 0 if innocent or age >= self._backoff.stable else self._deaths + 1
        if self._surroundings.give_up(self, code, self._deaths):
            return False
        delay = 0.0 if innocent else self._backoff.next(age)
        log.warning("%s %s; restarting in %.1f s", self, self.last_exit, delay)
        self._retry = time.time() + delay
        self._surroundings.changed()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                while not self._replacing and not self._ending.is_set():
                    await self._news.wait()
        self._retry = 0.0
        return True

    def _wake(self) -> None:
        # One event per change: who waits looks again.
        self._news.set()
        self._news = asyncio.Event()

    async def filled(self) -> None:
        """Until it is filled by one that serves.

        Raises:
            NotReplaced: The first one that tried did not become ready, or the slot is to go.
        """
        await _first(self.ready.wait(), self.failed.wait(), self._ending.wait())
        if not self.ready.is_set():
            why = " is about to go" if self._ending.is_set() else f": {self.last_exit}"
            raise NotReplaced(f"{self}{why}")

    # -- changes -----------------------------------------------------------------------------

    async def replace(self, plan: Plan) -> None:
        """Puts a new worker beside the one that there is, and lets that one go when it serves.

        Returns when the old one is gone; of the control process, when it is about to go: whoever
        has asked for this waits there to hear that it is done.

        Raises:
            NotReplaced: The new one did not become ready; the old one goes on.
        """
        if self._ending.is_set():
            raise NotReplaced(f"{self} is about to go")
        self._replacing, self._succeeded = True, False
        self._wake()
        try:
            self._next = plan
            coming = self._coming = self._start(plan)
            await coming.settled()
        except OSError as error:
            raise NotReplaced(f"{self}: its successor could not be started: {error}") from error
        finally:
            if unwanted := self._coming:
                self._coming = None
                self._leaving.append(unwanted)
                unwanted.stop(self._surroundings.spec.grace)
            self._replacing = False
            self._wake()
            self._surroundings.changed()
        if not self._succeeded:
            why = f": its successor {coming.last_exit}" if coming.last_exit else " is about to go"
            raise NotReplaced(f"{self}{why}")
        leaving = list(self._leaving)
        await asyncio.gather(*map(self._drain, leaving))
        # Not before the control process was told to stop: it takes no more requests from then on,
        # which would wait for its end as the next change does.
        if self.name != CONTROL:
            for life in leaving:
                await life.over.wait()

    def _succeed(self, coming: Life) -> None:
        """Fills the slot anew, in the same turn as that one is ready: both are told at once."""
        old, self.current, self.plan = self.current, coming, self._next
        self._coming = self._fallen = None
        self._succeeded = True
        self._backoff = Backoff(rng=Random())
        self._deaths = 0
        self._retry = 0.0
        if old:
            self._leaving.append(old)
            old.leave()

    async def retire(self, emptied: Callable[[], Awaitable[None]]) -> None:
        """Empties the slot for good. Returns when none of its processes is left.

        Args:
            emptied: Awaited when no gateway sends calls to the worker any more, before it is told
                to stop: it still accepts.
        """
        self._ending.set()
        self._wake()
        self._surroundings.changed()
        if life := self.current:
            life.leave()
            await self._surroundings.settled()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EMPTYING):
                    await _first(emptied(), life.over.wait())
            await self._drain(life)
        await self.empty()

    async def _drain(self, life: Life) -> None:
        """Returns when it is told to stop."""
        life.leave()
        await self._surroundings.settled()
        life.stop(self._surroundings.spec.grace)

    def serving(self, generation: int) -> None:
        """The worker of that generation is healthy over its own socket."""
        for life in self.lives():
            if life.spec.generation == generation and life.state is State.STARTING:
                if self._restarts or life is not self.current:
                    log.info("%s is ready", life)
                self._tell(EventKind.WORKER_READY, life)
                life.serving()

    def stop(self, grace: float) -> None:
        """Tells its workers to drain and end, now; `keep` returns, and `empty` when they are gone.

        Args:
            grace: Seconds that they may go on with the calls that they have.
        """
        self._ending.set()
        self._wake()
        for life in self.lives():
            life.stop(grace)

    async def empty(self) -> None:
        """Until no process of it is left."""
        while lives := [life for life in self.lives() if not life.over.is_set()]:
            await lives[0].over.wait()

    def kill(self) -> None:
        """Ends its workers at once; unless `stop` was called too, they are replaced."""
        for life in self.lives():
            life.kill()

    def pass_on(self, number: signal.Signals) -> None:
        """Sends a signal to those of its workers that can hear it."""
        for life in self.lives():
            if life.is_bound:
                life.signal(number)

    def __str__(self) -> str:
        return str(self.current) if self.current else f"{self.name}/{self.number}"

    # -- for its lives -----------------------------------------------------------------------

    def moved(self, life: Life) -> None:
        if life.state is State.GONE and life.over.is_set():
            self._ended(life)
        elif life.state is State.DRAINING and life not in self._told_of:
            self._told_of.add(life)
            self._tell(EventKind.WORKER_DRAINING, life)
        elif life is self._coming and life.state is State.READY and not self._ending.is_set():
            self._succeed(life)
        self._mark()
        self._surroundings.changed()

    def heard(self, life: Life, message: Message) -> None:
        self._surroundings.heard(life, message)

    def hung(self, life: Life) -> None:
        self._tell(EventKind.WORKER_HUNG, life)

    def _ended(self, life: Life) -> None:
        self._hiring.ended(life)
        if life is self.current:
            self.current = None
            self._fallen = life
            self._wake()
        elif life is self._coming:
            self._coming = None
        elif life in self._leaving:
            self._leaving.remove(life)
        self._told_of.discard(life)
        self._wear.pop(life, None)
        self.last_exit = life.last_exit
        self._tell(EventKind.WORKER_EXITED, life, life.last_exit)

    def _mark(self) -> None:
        if self.current and self.current.state is State.READY:
            self.ready.set()
            self.failed.clear()
        else:
            self.ready.clear()

    def _tell(self, kind: EventKind, life: Life, text: str = "") -> None:
        self._surroundings.tell(
            kind,
            service=self.name,
            slot=self.number,
            generation=life.spec.generation,
            pid=life.process_id,
            text=text,
            planned=kind is EventKind.WORKER_EXITED and life.planned,
        )

    def _start(self, plan: Plan) -> Life:
        """
        Raises:
            OSError: There is no process, descriptor or memory to be had for it now.
        """
        life = self._hiring.hire(plan, self)
        self._wear[life] = Wear(plan.service.recycle, Random())
        self._tell(EventKind.WORKER_STARTED, life)
        return life

    def _record(self, life: Life | None) -> WorkerRecord:
        service = self.plan.service
        return WorkerRecord(
            service=service.name,
            slot=self.number,
            generation=life.spec.generation if life else self._hiring.generation,
            revision=life.spec.revision if life else self.plan.revision,
            pid=life.pid if life else 0,
            state=life.state if life else State.GONE,
            bound=bool(life and life.is_bound),
            address=life.spec.address if life else self._hiring.address(self.plan),
            bind=self.plan.shown,
            grpc_services=(life.bound or []) if life else [],
            started=life.started if life else 0.0,
            restarts=self._restarts,
            last_exit=self.last_exit,
            routed=service.routed,
            gateway=service.gateway,
            retry=self._retry,
        )


async def _first(*waits: Awaitable[object]) -> None:
    """Until one of them has come to its end; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        task.result()
