"""Workers that are asked until they serve."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tercet import rpc
from tercet.cluster.control.probes import Prober, is_serving
from tercet.cluster.messages import Serving
from tercet.cluster.states import State
from tercet.rpc.health import SERVING, Health
from tests.support import eventually, running
from tests.unit.cluster.control.made import record


async def test_a_worker_is_found_when_its_health_says_serving(tmp_path: Path) -> None:
    health = Health()
    server = rpc.server()
    health.add_to(server)
    found: list[Serving] = []
    prober = Prober(found=found.append)
    async with running(server, tmp_path):
        starting = record(state=State.STARTING, address=f"unix:{tmp_path}/s")
        prober.update([starting])
        prober.update([starting])
        await asyncio.sleep(0.2)
        assert not found
        health.set({"": SERVING})
        await eventually(lambda: found == [Serving("greeter", 0, 1)])
        prober.update([record()])
        await prober.close()


async def test_the_workers_of_one_slot_are_told_apart(tmp_path: Path) -> None:
    found: list[Serving] = []
    prober = Prober(found=found.append)
    async with running(rpc.server(), tmp_path):
        there = record(generation=3, state=State.STARTING, address=f"unix:{tmp_path}/s")
        nobody = record(generation=2, state=State.STARTING, address=f"unix:{tmp_path}/nobody")
        prober.update([record(), nobody, there])
        await eventually(lambda: found == [Serving("greeter", 0, 3)])
        await prober.close()


async def test_a_server_without_health_counts_as_serving(tmp_path: Path) -> None:
    async with running(rpc.server(), tmp_path):
        assert await is_serving(f"unix:{tmp_path}/s")
    assert not await is_serving(f"unix:{tmp_path}/nobody")
