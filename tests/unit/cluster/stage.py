"""A whole supervisor in this process; actors play its workers, and signals are called."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tercet.cluster import changes, listeners
from tercet.cluster.crew import Crew
from tercet.cluster.duties import Duties
from tercet.cluster.messages import Description, Done, Event, EventKind, Events, Order, OrderKind
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.spec import CONTROL, MeshSpec, OriginSpec, ServiceSpec
from tercet.cluster.states import State
from tercet.cluster.supervisor import Supervisor
from tests.support import eventually
from tests.unit.cluster.standins import Actor, Company, as_starter, rest

ORIGIN = OriginSpec(arguments=["up"], directory="/")


def service(name: str = "one", workers: int = 1, **more: Any) -> ServiceSpec:
    return ServiceSpec(name=name, target="nobody:register", workers=workers, **more)


def gateway(workers: int = 1, **more: Any) -> ServiceSpec:
    return service("gateway", workers, gateway=True, routed=False, **more)


def mesh(*services: ServiceSpec, **more: Any) -> MeshSpec:
    return MeshSpec(services=list(services), origin=ORIGIN, **more)


class Stage:
    """
    Attributes:
        next: What the next reload reads; an exception is raised instead.
        reading: While clear, the command that reads it runs.
    """

    def __init__(
        self,
        spec: MeshSpec,
        runtime: RuntimeDir,
        company: Company,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.company = as_starter(company, monkeypatch)
        company.probes = True
        self.next: MeshSpec | Exception = spec
        self.reading = asyncio.Event()
        self.reading.set()
        self.reads = 0
        self._orders = 100
        self._handlers: dict[int, Callable[[], object]] = {}
        monkeypatch.setattr(
            asyncio.get_running_loop(), "add_signal_handler", self._handlers.__setitem__
        )
        monkeypatch.setattr(changes, "read", self._read)
        monkeypatch.setattr(listeners, "LINGER", 0.0)
        self.supervisor = Supervisor(spec, runtime, Duties("", {}))
        self.mesh = self.supervisor._mesh
        self.changes = self.supervisor._changes
        self.running = asyncio.create_task(self.supervisor.run())

    async def _read(self, origin: OriginSpec) -> MeshSpec:
        assert origin == ORIGIN
        self.reads += 1
        await self.reading.wait()
        if isinstance(self.next, Exception):
            raise self.next
        return self.next

    def signal(self, number: signal.Signals) -> None:
        self._handlers[number]()

    def crew(self, name: str = "one") -> Crew:
        return self.mesh.crews[name]

    @property
    def control(self) -> Actor:
        """The control process of now."""
        life = self.crew(CONTROL).slots[0].current
        assert life
        return self.company.played(CONTROL, 0, life.spec.generation)

    def alive(self, name: str = "one") -> list[Actor]:
        return [actor for actor in self.company.of(name) if not actor.is_over]

    def serving(self, name: str = "one") -> list[tuple[int, int, int]]:
        """Slot, generation and revision of each worker that is ready."""
        return [
            (record.slot, record.generation, record.revision)
            for record in self.mesh.records()
            if record.service == name and record.state is State.READY
        ]

    async def ready(self) -> None:
        def is_ready() -> bool:
            if self.running.done():
                self.running.result()
            return all(slot.ready.is_set() for slot in self.mesh.slots())

        await rest()
        await eventually(is_ready)
        await rest()

    async def idle(self) -> None:
        """Until no operation is under way."""
        await rest()
        await eventually(lambda: not self.mesh.operations.name)
        await rest()

    async def ask(self, kind: OrderKind, **about: Any) -> Done:
        """What the control process is answered to an order."""
        self._orders += 1
        number, asked = self._orders, self.control
        # It ends when it has answered.
        asked.stops = False
        asked.say(Order(number=number, kind=kind, **about))

        def answers() -> list[Done]:
            return [
                message
                for message in asked.heard
                if isinstance(message, Done) and message.number == number
            ]

        await eventually(lambda: bool(answers()))
        (answer,) = answers()
        asked.stops = True
        if asked.told_to_stop:
            asked.die(0)
            await rest()
        return answer

    async def reload(self, spec: MeshSpec | Exception | None = None) -> Done:
        if spec is not None:
            self.next = spec
        return await self.ask(OrderKind.RELOAD)

    def events(self, kind: EventKind | None = None) -> list[Event]:
        return [event for event in self.mesh.history.all() if kind in (None, event.kind)]

    def description(self) -> Description:
        """What the control process was told last."""
        return [each for each in self.control.heard if isinstance(each, Description)][-1]

    def told_of(self, actor: Actor) -> list[int]:
        """Numbers of the events that a control process was told."""
        numbers: list[int] = []
        for message in actor.heard:
            if isinstance(message, Events):
                numbers += [event.sequence for event in message.events]
            elif isinstance(message, Event):
                numbers.append(message.sequence)
        return numbers

    async def end(self) -> None:
        """However it stands."""
        self.reading.set()
        for actor in self.company.on_stage():
            actor.ignores.clear()
        for _ in range(2):
            self.signal(signal.SIGTERM)
            await rest()
        await asyncio.wait_for(asyncio.wait([self.running]), 10.0)
