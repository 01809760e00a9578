"""Takes over another configuration, or the same one with new code, while the mesh serves.

Order: what can fail without anybody noticing comes first. Addresses are opened; new services start
and must serve; those that stay are replaced worker by worker; then the gateways, which know all
services by then; then those that are not wanted any more go; the control process comes last.

Whatever fails ends it: workers that were replaced stay, since they serve; the others go on as they
were.
"""

from __future__ import annotations

import logging

from tercet.cluster.crew import Crew
from tercet.cluster.doors import Doors
from tercet.cluster.mesh import Mesh
from tercet.cluster.operations import Stopping
from tercet.cluster.region import Rows
from tercet.cluster.spec import CONTROL, MeshSpec, ServiceSpec
from tercet.errors import ConfigError

log = logging.getLogger("tercet")


class Reload:
    """One of a mesh.

    Args:
        spec: What the mesh is to be.
        revision: The number of it.
    """

    def __init__(self, mesh: Mesh, spec: MeshSpec, revision: int) -> None:
        self._mesh = mesh
        self._spec = spec
        self._revision = revision
        # By the name of the service.
        self._doors: dict[str, Doors] = {}
        self._opened: list[Doors] = []
        self._reserved = [each for service in mesh.spec.services for each in service.reserved]

    async def run(self) -> None:
        """
        Raises:
            ConfigError: It cannot be done while the mesh runs, or an address cannot be had.
            NotReplaced: A new worker did not become ready.
            Stopping: The mesh stops.
        """
        mesh, old = self._mesh, self._mesh.spec
        self._refuse()
        try:
            self._open()
            mesh.surroundings.spec = self._spec
            services = [each for each in self._spec.services if not each.gateway]
            for service in services:
                await self._start(service)
            for service in services:
                await self._renew(service)
            for service in self._spec.services:
                if service.gateway:
                    await self._start(service)
                    await self._renew(service)
            await self._remove()
            await self._renew_control()
        except BaseException:
            mesh.surroundings.spec = old
            if mesh.few:
                mesh.few.keep([old.health, old.metrics])
            self._let_go()
            raise
        finally:
            used = {doors for crew in mesh.crews.values() for doors in crew.all_doors()}
            for doors in self._opened:
                if doors not in used:
                    doors.close()

    def _let_go(self) -> None:
        """Of the addresses that it holds for workers which were not started."""
        plans = [slot.plan for slot in self._mesh.slots()]
        used = [each for plan in plans for each in plan.service.reserved]
        self._mesh.release({*self._reserved, *used})

    def _refuse(self) -> None:
        rows = self._mesh.surroundings.rows
        if rows and self._spec.gateways >= rows.most:
            raise ConfigError(
                f"there are to be {self._spec.gateways} gateway processes, and this mesh was "
                f"started for {rows.most - 1} at most",
                hint="stop it and start it again",
            )
        for service in self._spec.services:
            crew = self._mesh.crews.get(service.name)
            engine = service.engine(self._spec.engine)
            if crew and crew.plan.engine != engine and service.bind == crew.plan.service.bind != "":
                raise ConfigError(
                    f"the engine of {service.name} cannot become {engine} on the same port",
                    hint="stop the mesh and start it again",
                )

    def _open(self) -> None:
        for service in self._spec.services:
            crew = self._mesh.crews.get(service.name)
            engine = service.engine(self._spec.engine)
            doors = crew.doors_for(service.bind, engine) if crew else None
            if doors is None:
                doors = self._mesh.open(service, self._spec)
                self._opened.append(doors)
            self._doors[service.name] = doors
        # The control process comes last, but what it cannot have is no surprise then.
        self._mesh.control(self._spec)
        self._mesh.hold(each for service in self._spec.services for each in service.reserved)
        if self._spec.gateways and not self._mesh.surroundings.rows:
            self._mesh.surroundings.rows = Rows(self._spec.gateways)

    async def _start(self, service: ServiceSpec) -> None:
        """Starts it, if it is new."""
        if service.name in self._mesh.crews:
            return
        if self._mesh.operations.closed:
            # Nobody would stop them.
            raise Stopping("the mesh stops")
        crew = self._mesh.add(service, self._doors[service.name], self._revision)
        try:
            await crew.fill()
        except BaseException:
            await self._drop(crew)
            raise

    async def _renew(self, service: ServiceSpec) -> None:
        """Replaces its workers, if it is not."""
        mesh = self._mesh
        crew = mesh.crews[service.name]
        if crew.plan.revision == self._revision:
            return
        plan = mesh.plan(service, self._doors[service.name], self._revision)
        # A number that an operator has given holds until the configuration says another.
        wanted = crew.wanted
        if service.workers != crew.plan.service.workers:
            wanted = service.workers
        if wanted < crew.wanted:
            await crew.scale(wanted)
        await crew.replace(plan)
        if wanted > crew.wanted:
            await crew.scale(wanted)

    async def _remove(self) -> None:
        kept = {service.name for service in self._spec.services} | {CONTROL}
        for name in self._mesh.crews.keys() - kept:
            await self._drop(self._mesh.crews[name])
        self._mesh.release({each for service in self._spec.services for each in service.reserved})

    async def _drop(self, crew: Crew) -> None:
        await crew.retire()
        del self._mesh.crews[crew.name]
        self._mesh.publisher.changed()

    async def _renew_control(self) -> None:
        mesh = self._mesh
        service, doors = mesh.control(self._spec)
        await mesh.crews[CONTROL].replace(mesh.plan(service, doors, self._revision))
        assert mesh.few
        mesh.few.keep([self._spec.health, self._spec.metrics])
