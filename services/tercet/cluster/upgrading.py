"""The binary upgrade of a mesh, by the supervisor that goes.

It is one of the changes that are made one at a time: nothing is reloaded or scaled meanwhile, so
the sockets that were handed over are those that there are. See `upgrade` for what may happen.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from tercet.cluster.duties import Duties
from tercet.cluster.mesh import Mesh
from tercet.cluster.messages import EventKind
from tercet.cluster.successor import Successor, UpgradeFailed
from tercet.cluster.upgrade import refusal

log = logging.getLogger("tercet")


class Upgrading:
    """Lives on the supervisor's loop.

    Args:
        stop: Called when the mesh is the successor's, and ours is to end.

    Attributes:
        is_handed_over: Whether that is so.
    """

    def __init__(self, mesh: Mesh, duties: Duties, stop: Callable[[], None]) -> None:
        self._mesh = mesh
        self._duties = duties
        self._stop = stop
        self._wanted = False
        self._successor: Successor | None = None
        self.is_handed_over = False

    def begin(self) -> None:
        """Begins one, unless one is under way or there can be none here."""
        if self._wanted:
            log.info("an upgrade is under way already")
        elif not self._duties.is_in_charge:
            log.info("no upgrade: the mesh is not ready, or is another supervisor's")
        elif why := refusal(pid=os.getpid(), origin=self._mesh.spec.origin):
            log.error("no upgrade: %s", why)
            self._mesh.history.add(EventKind.UPGRADE_FAILED, text=why)
        else:
            self._wanted = True
            self._mesh.operations.begin(self._run())

    async def stop(self, grace: float) -> None:
        """Ends a successor that has not got the mesh; returns when it is gone."""
        if self._successor:
            await self._successor.stop(grace)

    def kill(self) -> None:
        """Ends it at once."""
        if self._successor:
            self._successor.kill()

    async def _run(self) -> None:
        try:
            await self._mesh.operations.run("upgrade", self._upgrade)
        finally:
            self._wanted = False

    async def _upgrade(self) -> None:
        mesh = self._mesh
        assert mesh.spec.origin
        mesh.history.add(EventKind.UPGRADE_STARTED)
        log.info("upgrading: starting a new supervisor")
        try:
            successor = self._successor = Successor(
                mesh.spec.origin,
                mesh.to_hand_over(),
                environ=self._duties.for_successor(),
                pid_file=self._duties.pid_file,
                timeout=mesh.spec.boot_timeout,
                scaled=mesh.scaled(),
            )
            await successor.ready()
        except (OSError, UpgradeFailed) as error:
            log.error("the upgrade has failed, and this mesh goes on: %s", error)
            mesh.history.add(EventKind.UPGRADE_FAILED, text=str(error))
            # It has had its own idea of where new connections go.
            mesh.alone()
            return
        # In the turn of the loop in which it is ready, and systemd first: it does not believe the
        # new one before that.
        self._duties.hand_over(successor.pid)
        successor.hand_over()
        mesh.let_go()
        self.is_handed_over = True
        log.info("upgraded: the mesh is that of pid %d; stopping", successor.pid)
        self._stop()
