"""What an operator, a signal or a worker asks the supervisor to change, and how it is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tercet.cluster.crew import Crew
from tercet.cluster.life import Life
from tercet.cluster.mesh import Mesh
from tercet.cluster.messages import Done, EventKind, Order, OrderKind
from tercet.cluster.notify import Notifier
from tercet.cluster.reading import read
from tercet.cluster.reloading import Reload
from tercet.cluster.slot import NotReplaced, Slot
from tercet.cluster.speaking import speak
from tercet.cluster.spec import CONTROL, MOST_WORKERS, MeshSpec
from tercet.errors import TercetError

log = logging.getLogger("tercet")

# Seconds between looks at what workers have taken.
LOOK = 0.5
# Seconds until a worn worker whose successor did not become ready is looked at again: the ceiling
# of a slot's backoff.
REST = 15.0


class Refused(TercetError):
    """It cannot be done; `reason` says why."""


class Changes:
    """Lives on the supervisor's loop."""

    def __init__(self, mesh: Mesh, notifier: Notifier) -> None:
        self._mesh = mesh
        self._notifier = notifier
        self._attempts = 1
        self._worn: set[Life] = set()

    # -- asked for ---------------------------------------------------------------------------

    def carry_out(self, order: Order, *, answer: Callable[[Done], None]) -> None:
        """Does what the control process was asked for, and then answers."""

        async def run() -> None:
            try:
                text = await self._do(order)
            except TercetError as error:
                answer(Done(number=order.number, error=error.message, reason=error.reason))
            except Exception as error:
                answer(Done(number=order.number, error=f"a bug: {error!r}", reason="INTERNAL"))
                raise
            else:
                answer(Done(number=order.number, text=text))

        self._mesh.operations.begin(run())

    def begin_reload(self) -> None:
        self._mesh.operations.begin(self.reload())

    def begin_recycle(self, life: Life, why: str) -> None:
        """Replaces a worker that is to go, if it is still there by then."""
        slot = self._mesh.slot(life.spec.service, life.spec.slot)
        if slot and life not in self._worn:
            self._worn.add(life)
            self._mesh.operations.begin(self._recycle_worn(slot, life, why))

    def scale_by(self, workers: int) -> None:
        """One worker more, or less, of each service that signals mean."""
        for crew in self._mesh.crews.values():
            if crew.plan.service.scaled_by_signal:
                self._mesh.operations.begin(self._scale_by(crew, workers))

    async def recycle_worn(self) -> None:
        """Looks for ever for workers that have reached a limit of theirs."""
        while True:
            await asyncio.sleep(LOOK)
            for slot in self._mesh.slots():
                life = slot.current
                if life and life not in self._worn and (why := slot.worn()):
                    self.begin_recycle(life, why)

    # -- done --------------------------------------------------------------------------------

    async def reload(self) -> None:
        """
        Raises:
            Refused: It has failed; what was not replaced goes on.
            Stopping: The mesh stops.
        """
        await self._mesh.operations.reload(self._reload)

    async def _reload(self) -> None:
        mesh = self._mesh
        self._attempts += 1
        revision = self._attempts
        mesh.history.add(EventKind.RELOAD_STARTED)
        log.info("reloading")
        self._notifier.reloading("reloading")
        old = mesh.spec
        try:
            spec = await read(mesh.spec.origin) if mesh.spec.origin else mesh.spec
            await Reload(mesh, spec, revision).run()
        except (TercetError, OSError) as error:
            said = error.message if isinstance(error, TercetError) else str(error)
            mesh.reload_error = said
            mesh.history.add(EventKind.RELOAD_FAILED, text=said)
            log.error("the reload has failed, and what was not replaced goes on: %s", said)
            self._notifier.reloaded(f"the last reload has failed: {said}")
            raise Refused(said, reason="RELOAD_FAILED") from error
        mesh.revision = revision
        mesh.reload_error = ""
        self._follow_log(old)
        mesh.history.add(EventKind.RELOAD_FINISHED, text=f"revision {revision}")
        log.info("reloaded; this is revision %d", revision)
        self._notifier.reloaded(f"serving revision {revision}")

    def _follow_log(self, old: MeshSpec) -> None:
        new = self._mesh.spec
        if (old.log, old.log_format) == (new.log, new.log_format):
            return
        try:
            speak(new)
        except OSError as error:
            log.error("cannot open the log %s: %s", new.log, error.strerror)

    async def _do(self, order: Order) -> str:
        if order.kind is OrderKind.RELOAD:
            await self.reload()
            return str(self._mesh.revision)
        crew = self._crew(order.service)
        if order.kind is OrderKind.SCALE:
            name = f"scale {crew.name} to {order.workers}"
            await self._scale(crew, name, lambda: order.workers)
        elif order.kind is OrderKind.KILL:
            self._kill(crew, order)
        else:
            await self._recycle(crew, order.slot)
        return ""

    async def _scale(self, crew: Crew, name: str, workers: Callable[[], int]) -> None:
        """
        Args:
            workers: How many there are to be, asked when it is its turn.
        """

        async def scale() -> None:
            self._refuse_if_gone(crew)
            before, wanted = crew.wanted, workers()
            self._refuse_count(crew, wanted)
            if wanted == before:
                return
            try:
                await crew.scale(wanted)
            except (TercetError, OSError) as error:
                why = error.message if isinstance(error, TercetError) else str(error)
                log.error("%s stays at %d workers: %s", crew.name, before, why)
                raise Refused(why, reason="SCALE_FAILED") from error
            said = f"{before} to {wanted}"
            log.info("%s scaled from %s", crew.name, said)
            self._mesh.history.add(EventKind.SCALED, service=crew.name, text=said)

        await self._mesh.operations.run(name, scale)

    def _refuse_count(self, crew: Crew, workers: int) -> None:
        rows = self._mesh.surroundings.rows
        most = rows.most - 1 if rows and crew.plan.service.gateway else MOST_WORKERS
        if crew.name == CONTROL or not 1 <= workers <= most:
            raise Refused(
                f"{crew.name} cannot have {workers} workers: "
                + ("it is one" if crew.name == CONTROL else f"1 to {most}"),
                reason="BAD_COUNT",
            )

    async def _scale_by(self, crew: Crew, workers: int) -> None:
        name = f"scale {crew.name} by {workers:+d}"
        try:
            await self._scale(crew, name, lambda: crew.wanted + workers)
        except Refused as error:
            log.warning("not scaled: %s", error.message)

    async def _recycle(self, crew: Crew, number: int) -> None:
        slots = [slot for slot in crew.slots if number in (-1, slot.number)]
        if not slots:
            raise Refused(f"{crew.name} has no slot {number}", reason="NO_WORKER")
        for slot in slots:

            async def renew(slot: Slot = slot) -> None:
                self._refuse_if_gone(crew)
                # Of all of them, those that are still there.
                if slot in crew.slots or number >= 0:
                    await self._renew(crew, slot, "asked for")

            await self._mesh.operations.run(f"recycle {crew.name}/{slot.number}", renew)

    async def _recycle_worn(self, slot: Slot, life: Life, why: str) -> None:
        async def renew() -> None:
            if slot.current is life:
                await self._renew(self._crew(slot.name), slot, why)

        rest = 0.0
        try:
            await self._mesh.operations.run(f"recycle {slot.name}/{slot.number}", renew)
        except Refused:
            # It goes on as it is, and what is broken is not mended at once.
            rest = REST
            raise
        finally:
            asyncio.get_running_loop().call_later(rest, self._worn.discard, life)

    async def _renew(self, crew: Crew, slot: Slot, why: str) -> None:
        try:
            await crew.recycle(slot)
        except NotReplaced as error:
            log.error("%s is not replaced: %s", slot, error.message)
            raise Refused(error.message, reason="RECYCLE_FAILED") from error
        log.info("%s/%d replaced: %s", crew.name, slot.number, why)
        self._mesh.history.add(EventKind.RECYCLED, service=crew.name, slot=slot.number, text=why)

    def _kill(self, crew: Crew, order: Order) -> None:
        for slot in crew.all_slots():
            for life in slot.lives():
                if slot.number == order.slot and order.generation in (0, life.spec.generation):
                    life.kill()
                    return
        raise Refused(f"there is no such worker of {crew.name}", reason="NO_WORKER")

    def _refuse_if_gone(self, crew: Crew) -> None:
        """A reload may have come between."""
        if self._mesh.crews.get(crew.name) is not crew:
            raise Refused(f"there is no service {crew.name!r} any more", reason="NO_SERVICE")

    def _crew(self, service: str) -> Crew:
        crew = self._mesh.crews.get(service)
        if crew is None:
            raise Refused(
                f"there is no service {service!r}; there are {', '.join(self._mesh.crews)}",
                reason="NO_SERVICE",
            )
        return crew
