"""The supervisor: owns the ports, the runtime directory, the gateways' region and the slots.

It runs one thread, imports no grpc and answers nobody on a network, so that there is nothing in it
to fail; what outsiders ask is answered by the control process, which it supervises like any worker.

Order of a start: ports reserved, then all processes at once; ready when each is. Order of a stop:
gateways drain first, since they hold calls for the others; then the services; the control process
last.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import sys

from tercet.cluster.address import Bind
from tercet.cluster.banner import banner
from tercet.cluster.messages import Message, Serving, Workers
from tercet.cluster.ports import Reservation
from tercet.cluster.region import SharedRegion
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.slot import CANNOT_START, Slot
from tercet.cluster.spec import CONTROL, MeshSpec, ServiceSpec
from tercet.cluster.voice import Voice

log = logging.getLogger("tercet")

CONTROL_TARGET = "tercet.cluster.control:register"


class Supervisor:
    """Runs a mesh from start to stop, on its own asyncio loop."""

    def __init__(self, mesh: MeshSpec, runtime: RuntimeDir) -> None:
        self._mesh = mesh
        self._runtime = runtime
        self._version = 0
        self._publishing = False
        self._was_ready = False
        self._stop = asyncio.Event()
        self._exit_code = 0
        self._reservations: list[Reservation] = []
        self._region: SharedRegion | None = None
        self._rows = itertools.count()
        self._slots: dict[tuple[str, int], Slot] = {}
        self._keepers: dict[Slot, asyncio.Task[None]] = {}

    async def run(self) -> int:
        """Returns the exit code when everything has ended.

        Raises:
            ConfigError: A port cannot be had, or a socket's path is too long.
            OSError: There is no memory for what gateways share.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signaled)
        loop.add_signal_handler(signal.SIGUSR1, self._pass_on, signal.SIGUSR1)
        if os.isatty(sys.stdin.fileno() if sys.stdin else 0):
            loop.add_signal_handler(signal.SIGHUP, self._signaled)
        else:
            loop.add_signal_handler(signal.SIGHUP, lambda: None)
        try:
            self._make_slots()
            self._keepers = {
                slot: asyncio.create_task(slot.keep()) for slot in self._slots.values()
            }
            announcer = asyncio.create_task(self._announce())
            await self._until_stop()
            announcer.cancel()
            await self._stop_in_order()
        finally:
            for reservation in self._reservations:
                reservation.close()
            if self._region:
                self._region.close()
        return self._exit_code

    def _make_slots(self) -> None:
        health = str(self._reserve(self._mesh.health).bind) if self._mesh.health else ""
        if self._mesh.gateways:
            self._region = SharedRegion(self._mesh.gateways)
        control = ServiceSpec(
            name=CONTROL,
            target=CONTROL_TARGET,
            workers=1,
            options={"health": health},
            routed=False,
        )
        # It binds that port itself, for health alone: its own server is on its socket.
        self._add(control, bind="", shown_bind=health)
        for service in self._mesh.services:
            for address in service.reserved:
                self._reserve(address)
            bind = str(self._reserve(service.bind).bind) if service.bind else ""
            self._add(service, bind=bind, shown_bind=bind)

    def _reserve(self, bind: str) -> Reservation:
        reservation = Reservation(Bind.parse(bind))
        self._reservations.append(reservation)
        return reservation

    def _add(self, service: ServiceSpec, *, bind: str, shown_bind: str) -> None:
        for number in range(service.workers):
            # Refuses a path that is too long before anything is started.
            self._runtime.socket(service.name, number, 10**6)
            self._slots[service.name, number] = Slot(
                service,
                number,
                bind=bind,
                shown_bind=shown_bind,
                runtime=self._runtime,
                engine=service.engine(self._mesh.engine),
                grace=self._mesh.grace,
                boot_timeout=self._mesh.boot_timeout,
                changed=self._changed,
                on_message=self._heard,
                give_up=self._give_up,
                region=self._region if service.gateway else None,
                row=next(self._rows) if service.gateway else 0,
            )

    async def _until_stop(self) -> None:
        """Waits for a signal; a keeper that ends before is a bug, and is raised here."""
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stop, *self._keepers.values()], return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            stop.cancel()
            for keeper in self._keepers.values():
                if keeper.done():
                    keeper.result()

    async def _stop_in_order(self) -> None:
        loop = asyncio.get_running_loop()
        # One grace for all stages: whoever stops the mesh waits for so long and no longer.
        deadline = loop.time() + self._mesh.grace
        for stage in (self._is_gateway, self._is_service, self._is_control):
            slots = [slot for slot in self._slots.values() if stage(slot)]
            for slot in slots:
                slot.stop(max(0.0, deadline - loop.time()))
            await asyncio.gather(*(self._keepers[slot] for slot in slots))

    @staticmethod
    def _is_control(slot: Slot) -> bool:
        return slot.service.name == CONTROL

    @staticmethod
    def _is_gateway(slot: Slot) -> bool:
        return slot.service.gateway

    def _is_service(self, slot: Slot) -> bool:
        return not self._is_gateway(slot) and not self._is_control(slot)

    async def _announce(self) -> None:
        await asyncio.gather(*(slot.ready.wait() for slot in self._slots.values()))
        self._was_ready = True
        records = [slot.record() for slot in self._slots.values()]
        Voice(sys.stdout.fileno()).say(banner(records, self._runtime.path, self._mesh.hints))

    def _signaled(self) -> None:
        if self._stop.is_set():
            log.warning("told to stop again: killing what is left")
            for slot in self._slots.values():
                slot.kill()
        else:
            log.info("stopping")
        self._stop.set()

    def _pass_on(self, number: signal.Signals) -> None:
        """Gives a signal to the gateways, which have logs."""
        for slot in self._slots.values():
            if slot.service.gateway:
                slot.pass_on(number)

    def _give_up(self, slot: Slot) -> bool:
        # Later, what is broken may be mended under a mesh that serves; at the first start the
        # user waits for an answer.
        if self._was_ready:
            return False
        log.error("%s cannot start; giving up", slot)
        self._exit_code = CANNOT_START
        self._stop.set()
        return True

    def _heard(self, message: Message) -> None:
        if isinstance(message, Serving):
            slot = self._slots.get((message.service, message.slot))
            if slot:
                slot.serving(message.generation)

    def _changed(self) -> None:
        # The changes of one loop turn make one version.
        if not self._publishing:
            self._publishing = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._publishing = False
        control = self._slots[CONTROL, 0]
        if control.is_bound:
            # Nobody else could ask it.
            control.serving(control.generation)
        self._version += 1
        workers = [slot.record() for slot in self._slots.values()]
        if control.link:
            control.link.send(Workers(version=self._version, workers=workers))
