"""The services of a mesh, as they are now, and what they have in common.

It is what the supervisor starts and stops, and what a reload changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from tercet.cluster.address import Bind
from tercet.cluster.crew import Crew
from tercet.cluster.doors import Doors, Few, Held, OwnDoors, private_socket
from tercet.cluster.events import History
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

CONTROL_TARGET = "tercet.cluster.control:register"


class Mesh:
    """Lives on the supervisor's loop. Must be closed.

    Args:
        spec: What it is to be.
        heard: Called with what workers say that is not about their own lives.
        give_up: See `Surroundings`.

    Raises:
        OSError: There is no memory for what gateways share.

    Attributes:
        crews: By the name of the service; the control process is one of them.
        revision: Of the configuration that is in force.
        reload_error: Why the last reload has failed; "" if it has not.
    """

    def __init__(
        self, spec: MeshSpec, runtime: RuntimeDir, *, heard: Heard, give_up: GiveUp
    ) -> None:
        self.crews: dict[str, Crew] = {}
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
        crew = Crew(self.plan(service, doors, revision), doors, self.surroundings)
        self.crews[service.name] = crew
        return crew

    def plan(self, service: ServiceSpec, doors: Doors, revision: int) -> Plan:
        return Plan(
            service=service,
            revision=revision,
            engine=service.engine(self.spec.engine),
            bind=doors.to_bind,
            shown=doors.shown,
        )

    def open(self, service: ServiceSpec, spec: MeshSpec) -> Doors:
        """The address of a service in a mesh as `spec` says.

        Raises:
            ConfigError: It cannot be had.
        """
        if not service.bind:
            return Doors()
        bind = Bind.parse(service.bind)
        if service.engine(spec.engine) == "native":
            return OwnDoors(Listeners(bind, service.workers))
        return Held(Reservation(bind))

    def open_control(self) -> Few:
        """
        Raises:
            OSError: The control process's socket cannot be made.
        """
        return Few(private_socket(self.runtime.socket(CONTROL, 0, 0)))

    def control(self, spec: MeshSpec, doors: Few) -> ServiceSpec:
        """The control process of a mesh.

        Raises:
            ConfigError: An address of its cannot be had.
        """
        found = doors.want([spec.health, spec.metrics])
        doors.shown = doors.bind_of(spec.health)
        return ServiceSpec(
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

    def hold(self, addresses: Iterable[str]) -> None:
        """Holds addresses that workers bind by themselves.

        Raises:
            ConfigError: One cannot be had.
        """
        for address in set(addresses) - self._reserved.keys():
            self._reserved[address] = Reservation(Bind.parse(address))

    def reserve(self, addresses: Iterable[str]) -> None:
        """Holds those addresses and no others.

        Raises:
            ConfigError: One cannot be had.
        """
        wanted = set(addresses)
        self.hold(wanted)
        for address in self._reserved.keys() - wanted:
            self._reserved.pop(address).close()

    def close(self) -> None:
        """Lets go of what is shared; everybody is gone."""
        for crew in self.crews.values():
            crew.close()
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
