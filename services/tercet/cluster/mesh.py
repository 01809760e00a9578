"""The services of a mesh, as they are now, and what they have in common.

It is what the supervisor starts and stops, and what a reload changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator

from tercet.cluster.address import Bind
from tercet.cluster.crew import Crew
from tercet.cluster.doors import Doors, Few, Held, OwnDoors, Some, private_socket
from tercet.cluster.events import History
from tercet.cluster.handed import Handed, HandedSockets
from tercet.cluster.life import Life
from tercet.cluster.listeners import Listeners
from tercet.cluster.messages import Description, Events, Message, WorkerRecord
from tercet.cluster.operations import Operations
from tercet.cluster.plan import Plan
from tercet.cluster.ports import Reservation
from tercet.cluster.publisher import Publisher
from tercet.cluster.region import Rows
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.slot import Slot
from tercet.cluster.spec import CONTROL, MeshSpec, ServiceSpec
from tercet.cluster.states import State
from tercet.cluster.surroundings import GiveUp, Heard, Surroundings
from tercet.cluster.zygote.starter import Zygote
from tercet.errors import ConfigError

CONTROL_TARGET = "tercet.cluster.control:register"


class Mesh:
    """Lives on the supervisor's loop. Must be closed.

    Args:
        spec: What it is to be.
        heard: Called with what workers say that is not about their own lives.
        give_up: See `Surroundings`.
        handed: Sockets that this process has been given.
        follows: Whether they are of a supervisor whose workers still accept there.

    Raises:
        OSError: There is no memory for what gateways share.

    Attributes:
        crews: By the name of the service; the control process is one of them.
        revision: Of the configuration that is in force.
        reload_error: Why the last reload has failed; "" if it has not.
    """

    def __init__(
        self,
        spec: MeshSpec,
        runtime: RuntimeDir,
        *,
        heard: Heard,
        give_up: GiveUp,
        handed: HandedSockets | None = None,
        follows: bool = False,
    ) -> None:
        self.crews: dict[str, Crew] = {}
        self._generations: dict[str, dict[int, Iterator[int]]] = {}
        self.handed = handed or HandedSockets()
        self._follows = follows
        self.revision = 1
        self.reload_error = ""
        self.started = time.time()
        self.runtime = runtime
        self.history = History(self.tell_control)
        self.publisher = Publisher(self.records, self._readers)
        self.operations = Operations(self.describe)
        self.surroundings = Surroundings(
            spec,
            runtime,
            rows=Rows(spec.gateways) if spec.gateways else None,
            changed=self._changed,
            heard=heard,
            tell=self.history.add,
            settled=self.publisher.settle,
            give_up=give_up,
        )
        self._reserved: dict[str, Reservation] = {}
        # The control process's.
        self.few: Few | None = None

    @property
    def spec(self) -> MeshSpec:
        return self.surroundings.spec

    # -- what there is -----------------------------------------------------------------------

    def slots(self) -> Iterable[Slot]:
        return (slot for crew in self.crews.values() for slot in crew.all_slots())

    def lives(self) -> Iterable[Life]:
        return (life for slot in self.slots() for life in slot.lives())

    def slot(self, service: str, number: int) -> Slot | None:
        crew = self.crews.get(service)
        slots = [slot for slot in crew.all_slots() if slot.number == number] if crew else []
        return slots[0] if slots else None

    def records(self) -> list[WorkerRecord]:
        return [record for slot in self.slots() for record in slot.records()]

    # -- making it ---------------------------------------------------------------------------

    def add(self, service: ServiceSpec, doors: Doors, revision: int = 1) -> Crew:
        """Puts a service into the mesh, which has no workers yet.

        Raises:
            ConfigError: The paths of its sockets would be too long.
        """
        self.runtime.socket(service.name, service.workers, 10**6)
        crew = Crew(
            self.plan(service, doors, revision),
            self.surroundings,
            self._generations.setdefault(service.name, {}),
        )
        self.crews[service.name] = crew
        return crew

    def plan(self, service: ServiceSpec, doors: Doors, revision: int) -> Plan:
        engine = service.engine(self.spec.engine)
        zygote = None
        if service.preload:
            # One for each revision: what it has imported stays as it was.
            zygote = Zygote(service, engine, log_format=self.spec.log_format, changed=self._changed)
        return Plan(
            service=service,
            revision=revision,
            engine=engine,
            doors=doors,
            starter=zygote.start if zygote else None,
            zygote=zygote,
        )

    def open(self, service: ServiceSpec, spec: MeshSpec) -> Doors:
        """The address of a service in a mesh as `spec` says.

        Raises:
            ConfigError: It cannot be had.
        """
        if not service.bind:
            return Doors()
        bind = Bind.parse(service.bind)
        if service.engine(spec.engine) != "native":
            given = self.handed.take(service.name, bind, listening=False)
            return Held(Reservation(bind, inherited=given))
        slots = service.workers
        given = self.handed.take(service.name, bind)
        if len(given) > slots and not self._follows:
            # Whoever has connected to one of the others would wait there for ever.
            raise ConfigError(
                f"there are {len(given)} sockets on {bind}, and {slots} workers of {service.name}",
                hint="list the address once in the socket unit",
                reason="BAD_SOCKET",
            )
        if shared := bool(given) and self._follows:
            # Those beyond have sockets that nobody accepts on: they come one by one, away.
            slots = min(slots, len(given))
        return OwnDoors(Listeners(bind, slots, inherited=given), slots, shared=shared)

    def open_control(self) -> None:
        """
        Raises:
            OSError: The control process's socket cannot be made.
        """
        self.few = Few(private_socket(self.runtime.socket(CONTROL, 0, 0)))

    def control(self, spec: MeshSpec) -> tuple[ServiceSpec, Doors]:
        """The control process of a mesh, and what it is connected to by.

        Raises:
            ConfigError: An address of its cannot be had.
        """
        assert self.few
        addresses = [spec.health, spec.metrics]
        found = self.few.want(
            addresses, lambda address: self.handed.take(f"{CONTROL}:{address}", Bind.parse(address))
        )
        doors = Some(self.few, addresses)
        doors.shown = self.few.bind_of(spec.health)
        service = ServiceSpec(
            name=CONTROL,
            target=CONTROL_TARGET,
            workers=1,
            options={
                "health": found[spec.health],
                "metrics": found[spec.metrics],
                "hooks": dict(spec.hooks),
                "watch": list(spec.watch),
            },
            routed=False,
            import_from_cwd=bool(spec.hooks),
        )
        return service, doors

    def hold(self, addresses: Iterable[str]) -> None:
        """Holds addresses that workers bind by themselves.

        Raises:
            ConfigError: One cannot be had.
        """
        for address in set(addresses) - self._reserved.keys():
            bind = Bind.parse(address)
            given = self.handed.take(f"reserved:{address}", bind, listening=False)
            self._reserved[address] = Reservation(bind, inherited=given)

    def release(self, kept: Collection[str]) -> None:
        """Lets go of all addresses that it holds but these."""
        for address in self._reserved.keys() - set(kept):
            self._reserved.pop(address).close()

    def to_hand_over(self) -> list[Handed]:
        """All sockets on TCP addresses, for a supervisor after this one; they stay ours too."""
        handed = [
            Handed(f"{name}:{address}" if address else name, each)
            for name, crew in self.crews.items()
            for doors in crew.all_doors()
            for address, each in doors.to_hand_over()
        ]
        return handed + [
            Handed(f"reserved:{address}", each)
            for address, reservation in self._reserved.items()
            for each in reservation.sockets()
        ]

    def scaled(self) -> dict[str, tuple[int, int]]:
        """Services whose number of workers an operator has changed: what it was, and what it is."""
        return {
            name: (crew.plan.service.workers, crew.wanted)
            for name, crew in self.crews.items()
            if crew.wanted != crew.plan.service.workers
        }

    def alone(self) -> None:
        """The workers of the other supervisor, before this one or after it, accept no more."""
        self._follows = False
        for crew in self.crews.values():
            for doors in crew.all_doors():
                doors.alone()

    def let_go(self) -> None:
        """The sockets are those of the supervisor after this one."""
        for crew in self.crews.values():
            for doors in crew.all_doors():
                doors.let_go()

    def close(self) -> None:
        """Lets go of what is shared; everybody is gone."""
        for crew in self.crews.values():
            crew.close()
        if self.few:
            self.few.close()
        for reservation in self._reserved.values():
            reservation.close()
        if self.surroundings.rows:
            self.surroundings.rows.close()

    # -- what the control process is told ----------------------------------------------------

    def describe(self) -> None:
        self.tell_control(
            Description(
                pid=os.getpid(),
                runtime_dir=str(self.runtime.path),
                started=self.started,
                revision=self.revision,
                services=[crew.record() for name, crew in self.crews.items() if name != CONTROL],
                reload_error=self.reload_error,
                operation=self.operations.name,
            )
        )

    def welcome(self, control: Life) -> None:
        """Tells a new control process what it has to know."""
        control.link.send(Events(self.history.all()))
        self.describe()

    def tell_control(self, message: Message) -> None:
        for life in self._control():
            life.link.send(message)

    def _control(self) -> list[Life]:
        """Those that have been welcomed."""
        crew = self.crews.get(CONTROL)
        lives = [life for slot in crew.all_slots() for life in slot.lives()] if crew else []
        return [life for life in lives if life.is_bound]

    def _readers(self) -> list[Life]:
        """Gateways from their start: they take calls when they know the workers."""
        gateways = [
            life for life in self.lives() if life.spec.region and life.state is not State.GONE
        ]
        return [*gateways, *self._control()]

    def _changed(self) -> None:
        for crew in self.crews.values():
            crew.steer()
        self.publisher.changed()
