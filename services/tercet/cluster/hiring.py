"""Starts the workers of one slot: each with a number of its own, and told what it is.

A gateway has a row of the region as long as it lives, which is zeroed before another gets it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tercet.cluster.heartbeat import pulse
from tercet.cluster.life import Life, Owner
from tercet.cluster.plan import Plan
from tercet.cluster.spec import CONTROL, RegionSpec, WorkerSpec
from tercet.cluster.surroundings import Surroundings


class Hiring:
    """
    Args:
        slot: The number of the slot.
        generations: Numbers for its processes; none is given twice.
        cpu: The CPU that they are pinned to, if they are to be.

    Attributes:
        generation: Of the worker that was started last; 0 before the first.
    """

    def __init__(
        self, slot: int, surroundings: Surroundings, *, generations: Iterator[int], cpu: int
    ) -> None:
        self.generation = 0
        self._slot = slot
        self._surroundings = surroundings
        self._generations = generations
        self._cpu = cpu
        self._rows: dict[Life, int] = {}

    def hire(self, plan: Plan, owner: Owner) -> Life:
        """
        Raises:
            OSError: There is no process, descriptor, row or memory to be had for it now.
        """
        self._surroundings.runtime.restore()
        self.generation = next(self._generations)
        rows = self._surroundings.rows if plan.service.gateway else None
        row = rows.take() if rows else 0
        try:
            life = Life(
                self._spec(plan, row),
                owner,
                starter=plan.starter,
                boot_timeout=self._surroundings.spec.boot_timeout,
                hang_timeout=self._surroundings.spec.hang_timeout,
            )
        except BaseException:
            if rows:
                rows.give_back(row)
            raise
        if rows:
            self._rows[life] = row
        return life

    def ended(self, life: Life) -> None:
        """It is over."""
        row = self._rows.pop(life, None)
        if row is not None and self._surroundings.rows:
            self._surroundings.rows.give_back(row)

    def address(self, plan: Plan) -> str:
        """gRPC target of the private socket of the worker that was started last."""
        runtime = self._surroundings.runtime
        return runtime.socket(plan.service.name, self._slot, self.generation)

    def _spec(self, plan: Plan, row: int) -> WorkerSpec:
        service, mesh = plan.service, self._surroundings.spec
        return WorkerSpec(
            service=service.name,
            slot=self._slot,
            generation=self.generation,
            revision=plan.revision,
            target=service.target,
            options=service.options,
            address=self.address(plan),
            bind=plan.bind,
            listeners=plan.doors.descriptors(self._slot),
            address_inherited=plan.doors.private,
            inherited=plan.doors.further(self._slot),
            control=self._surroundings.runtime.socket(CONTROL, 0, 0),
            engine=plan.engine,
            grace=mesh.grace,
            pulse=pulse(mesh.hang_timeout),
            max_message_bytes=service.max_message_bytes,
            server_options=service.server_options,
            import_from_cwd=service.import_from_cwd,
            region=self._region(plan, row),
            cpu=self._cpu if service.pin else -1,
            # The worker's code may change its directory.
            log=os.path.abspath(mesh.log) if mesh.log else "",
            log_format=mesh.log_format,
        )

    def _region(self, plan: Plan, row: int) -> RegionSpec | None:
        rows = self._surroundings.rows
        if not plan.service.gateway or not rows:
            return None
        return RegionSpec(fd=rows.fd, row=row, eventfds=list(rows.eventfds))
