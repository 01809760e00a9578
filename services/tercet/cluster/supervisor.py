"""The supervisor: owns the ports, the runtime directory, the gateways' region and the slots.

It runs one thread, imports no grpc and answers nobody on a network, so that there is nothing in it
to fail; what outsiders ask is answered by the control process, which it supervises like any worker.

Order of a start: sockets listen, then all processes at once; ready when each is. Order of a stop:
gateways drain first, since they hold calls for the others; then the services; the control process
last.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import termios

from tercet.cluster import logs
from tercet.cluster.changes import Changes
from tercet.cluster.crew import Crew
from tercet.cluster.duties import Duties
from tercet.cluster.life import Life
from tercet.cluster.mesh import Mesh
from tercet.cluster.messages import (
    Acknowledged,
    Bound,
    EventKind,
    Leaving,
    Message,
    Order,
    Report,
    Reported,
    Serving,
)
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.screen import Screen
from tercet.cluster.slot import Slot
from tercet.cluster.spec import CANNOT_START, CONTROL, MeshSpec
from tercet.cluster.strangers import watch
from tercet.cluster.surroundings import Failing
from tercet.cluster.upgrading import Upgrading

log = logging.getLogger("tercet")

# EX_SOFTWARE of sysexits.h: a service crashes and crashes.
CRASHES = 70
# One of them is the terminal, if there is one.
STREAMS = (0, 1, 2)


class Supervisor:
    """Runs a mesh from start to stop, on its own asyncio loop.

    Args:
        screen: Where its start is shown; standard output, unless another is given.
    """

    def __init__(
        self, spec: MeshSpec, runtime: RuntimeDir, duties: Duties, screen: Screen | None = None
    ) -> None:
        self._mesh = Mesh(
            spec,
            runtime,
            heard=self._heard,
            give_up=self._give_up,
            handed=duties.handed,
            follows=duties.takeover is not None,
        )
        self._duties = duties
        self._screen = screen or Screen(spec)
        self._changes = Changes(self._mesh, duties.notifier)
        self._upgrading = Upgrading(self._mesh, duties, self._end)
        self._was_ready = False
        self._stop = asyncio.Event()
        self._grace: float | None = None
        self._exit_code = 0

    async def run(self) -> int:
        """Returns the exit code when everything has ended.

        Raises:
            ConfigError: A port cannot be had, or a socket's path is too long.
            OSError: There is no memory for what gateways share.
        """
        self._listen_to_signals()
        self._duties.begin(self._told_by_predecessor)
        mesh, spec = self._mesh, self._mesh.spec
        try:
            mesh.open_control()
            mesh.add(*mesh.control(spec))
            for service in spec.services:
                mesh.hold(service.reserved)
                crew = mesh.add(service, mesh.open(service, spec))
                crew.wanted = self._duties.wanted(service.name, service.workers)
            mesh.handed.close()
            for crew in mesh.crews.values():
                crew.start()
            tasks = [
                asyncio.create_task(each)
                for each in (
                    self._announce(),
                    self._changes.recycle_worn(),
                    self._watch_keepers(),
                    watch(mesh),
                )
            ]
            await self._until_stop(tasks)
            await self._stop_in_order()
        finally:
            mesh.close()
        return self._exit_code

    # -- signals -----------------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number, answer in {
            signal.SIGTERM: self._told_to_stop,
            signal.SIGINT: self._told_to_stop,
            signal.SIGQUIT: self._told_to_quit,
            signal.SIGHUP: self._hung_up,
            signal.SIGTTIN: lambda: self._changes.scale_by(1),
            signal.SIGTTOU: lambda: self._changes.scale_by(-1),
            signal.SIGUSR1: self._reopen_logs,
            signal.SIGUSR2: self._upgrading.begin,
        }.items():
            loop.add_signal_handler(number, answer)

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            log.warning("told to stop again: killing what is left")
            self._upgrading.kill()
            for slot in self._mesh.slots():
                # Whose turn has not come yet: nobody is to follow.
                slot.stop(0.0)
                slot.kill()
        else:
            log.info("stopping")
        self._end()

    def _told_by_predecessor(self, grace: float) -> None:
        self._grace = grace
        self._told_to_stop()

    def _end(self) -> None:
        # At once: what waits for its turn may have it before whoever waits for the stop. After an
        # upgrade it would listen beside the sockets that are another's by then.
        self._mesh.operations.close()
        self._stop.set()

    def _told_to_quit(self) -> None:
        self._grace = 0.0
        self._told_to_stop()

    def _hung_up(self) -> None:
        """Reload; or, if it was the terminal that went away, stop."""
        if any(map(_is_gone, STREAMS)):
            self._told_to_stop()
        else:
            self._changes.begin_reload()

    def _reopen_logs(self) -> None:
        if self._mesh.spec.log:
            logs.reopen(self._mesh.spec.log)
        for slot in self._mesh.slots():
            slot.pass_on(signal.SIGUSR1)

    # -- start and stop ----------------------------------------------------------------------

    async def _announce(self) -> None:
        been: set[Slot] = set()
        # A reload may take some away that never were, and bring others.
        while missing := [slot for slot in self._mesh.slots() if slot not in been]:
            waits = {asyncio.create_task(slot.ready.wait()): slot for slot in missing}
            done, late = await asyncio.wait(waits, timeout=1.0)
            been.update(waits[wait] for wait in done)
            for wait in late:
                wait.cancel()
        await self._duties.ready("serving")
        self._was_ready = True
        self._mesh.alone()
        self._screen.serving(self._mesh.records(), self._mesh.runtime.path)
        await asyncio.Event().wait()

    async def _watch_keepers(self) -> None:
        """A keeper that ends by an error is a bug, and is raised here."""
        while True:
            keepers = [task for crew in self._mesh.crews.values() for task in crew.keepers()]
            await asyncio.wait(keepers, timeout=1.0, return_when=asyncio.FIRST_EXCEPTION)
            for keeper in keepers:
                if keeper.done():
                    keeper.result()
            if all(keeper.done() for keeper in keepers):
                await asyncio.sleep(1.0)

    async def _until_stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """Waits for a signal; a task that ends before is a bug, and is raised here."""
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in tasks:
            if task.done():
                task.result()
            task.cancel()

    async def _stop_in_order(self) -> None:
        loop = asyncio.get_running_loop()
        mesh = self._mesh
        mesh.history.add(EventKind.STOPPING)
        # One grace for all stages: whoever stops the mesh waits for so long and no longer.
        grace = mesh.spec.grace if self._grace is None else self._grace
        deadline = loop.time() + grace
        crews = list(mesh.crews.values())
        stages = [_is_gateway, _is_service, _is_control]
        if self._upgrading.is_handed_over:
            # Probes ask whoever answers first, and ours would say that the mesh ends.
            stages.sort(key=lambda stage: stage is not _is_control)
        self._duties.notifier.stopping("stopping")
        successor = asyncio.create_task(self._upgrading.stop(grace))
        for stage in stages:
            for crew in filter(stage, crews):
                crew.stop(max(0.0, deadline - loop.time()))
            await asyncio.gather(*(crew.ended() for crew in filter(stage, crews)))
        await successor

    def _give_up(self, slot: Failing, code: int, deaths: int) -> bool:
        # Later, what is broken may be mended under a mesh that serves; at the first start the
        # user waits for an answer.
        if code == CANNOT_START and not self._was_ready:
            log.error("%s cannot start; giving up", slot)
            self._duties.failed(f"{slot} cannot start: {slot.last_exit}")
            self._exit_code = CANNOT_START
        elif 0 < self._mesh.spec.crash_limit <= deaths:
            log.error("%s has died %d times in a row; giving up", slot, deaths)
            self._exit_code = CRASHES
        else:
            return False
        self._end()
        return True

    # -- what workers say --------------------------------------------------------------------

    def _heard(self, life: Life, message: Message) -> None:
        if isinstance(message, Bound):
            if life.spec.service == CONTROL:
                self._mesh.welcome(life)
                # Nobody else could ask it.
                self._serving(CONTROL, life.spec.slot, life.spec.generation)
        elif isinstance(message, Report):
            self._mesh.tell_control(
                Reported(
                    service=life.spec.service,
                    slot=life.spec.slot,
                    generation=life.spec.generation,
                    pid=life.pid,
                    statistics=message.statistics,
                )
            )
        elif isinstance(message, Acknowledged):
            self._mesh.publisher.acknowledged(life, message.version)
        elif isinstance(message, Leaving):
            self._changes.begin_recycle(life, "it was sent TERM")
        elif life.spec.service != CONTROL:
            # What the control process alone may say: others speak of themselves.
            log.warning("%s is not to say %s", life, type(message).__name__)
        elif isinstance(message, Serving):
            self._serving(message.service, message.slot, message.generation)
        elif isinstance(message, Order):
            self._changes.carry_out(message, answer=life.link.send)

    def _serving(self, service: str, number: int, generation: int) -> None:
        slot = self._mesh.slot(service, number)
        if slot:
            slot.serving(generation)


def _is_gone(terminal: int) -> bool:
    """Whether a descriptor is of a terminal that is gone; one of something else is not."""
    try:
        termios.tcgetattr(terminal)
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False


def _is_gateway(crew: Crew) -> bool:
    return crew.plan.service.gateway


def _is_control(crew: Crew) -> bool:
    return crew.name == CONTROL


def _is_service(crew: Crew) -> bool:
    return not _is_gateway(crew) and not _is_control(crew)
