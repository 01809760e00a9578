"""Tells of others who listen on our ports, as SO_REUSEPORT lets every process of our user do.

At the start they are refused. One that comes later gets no connections (`listeners`), unless it
binds a more special address; either way somebody has made a mistake.
"""

from __future__ import annotations

import asyncio
import logging

from tercet.cluster.mesh import Mesh

log = logging.getLogger("tercet")

# Seconds from one look to the next.
LOOK = 10.0


async def watch(mesh: Mesh, *, look: float = LOOK) -> None:
    """Looks for ever; each is told of once."""
    told: set[str] = set()
    while True:
        await asyncio.sleep(look)
        found = {
            (crew.name, stranger)
            for crew in mesh.crews.values()
            for stranger in crew.doors.strangers()
        }
        for service, stranger in found:
            if stranger not in told:
                log.warning("somebody else listens on the port of %s: %s", service, stranger)
        told = {stranger for _, stranger in found}
