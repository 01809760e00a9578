"""kill -9 of gateways and workers under load: nothing is stuck, and every call says what it met."""

from __future__ import annotations

import asyncio
import os
import signal

from tests.integration.busy_meshes import begin, busy, connected_to, ends
from tests.integration.conftest import Start
from tests.integration.meshes import Mesh

UNAVAILABLE = 14
HELD = 100
# Milliseconds of a call that nobody waits for to the end.
FOR_EVER = 600_000
# Seconds in which the others go on.
SOON = 30


async def test_a_gateway_that_holds_a_hundred_calls(start: Start) -> None:
    """Its calls were all that the workers could do; now those of the other gateway have room."""
    mesh = busy(start, workers=2, gateways=2, concurrency=HELD // 2)
    victim = mesh.worker("gateway", 0)
    streams, waiting = range(1, 2 * HELD + 1, 2), range(1, 2 * HELD + 1, 2)
    async with connected_to(mesh, 1) as other:
        async with connected_to(mesh, 0) as doomed:
            begin(doomed, streams, "Hold", FOR_EVER)
            await doomed.ping()
            # Admission has been seen by all gateways by the time that its ping is answered, but
            # not by the workers.
            begin(other, waiting, "Hold", 1)
            await other.ping()
            await asyncio.sleep(0.3)
            await other.ping()
            assert not other.answers, "there was room for more than the limit"
            os.kill(victim["pid"], signal.SIGKILL)
            await doomed.until_closed()
        async with asyncio.timeout(SOON):
            done = await ends(other, waiting)
        assert {each.code for each in done} == {0}
        # All of it, not only some: as many at once as before.
        begin(other, range(201, 401, 2), "Hold", 200)
        async with asyncio.timeout(SOON):
            done = await ends(other, range(201, 401, 2))
    assert max(each.told["at_once"] for each in done) > 1
    await replaced(mesh, "gateway", victim)
    async with connected_to(mesh, 0) as successor, asyncio.timeout(SOON):
        begin(successor, streams, "Hold", 1)
        assert {each.code for each in await ends(successor, streams)} == {0}


async def test_a_worker_that_has_calls(start: Start) -> None:
    """Those that it had are lost; those that wait go to its like, or to its successor."""
    limit = 10
    mesh = busy(start, workers=2, concurrency=limit)
    victim = mesh.worker("busy", 0)
    streams = range(1, 4 * limit + 1, 2)
    later = range(streams.stop, streams.stop + 100, 2)
    async with connected_to(mesh, 0) as wire:
        begin(wire, streams, "Hold", 1500)
        await wire.ping()
        begin(wire, later, "Hold", 1)
        await wire.ping()
        await asyncio.sleep(0.3)
        os.kill(victim["pid"], signal.SIGKILL)
        async with asyncio.timeout(SOON):
            done = await ends(wire, streams)
            waited = await ends(wire, later)
    assert {(each.code, each.reason) for each in done} == {(0, ""), (UNAVAILABLE, "WORKER_LOST")}
    # As many as it was let have.
    assert sum(each.code != 0 for each in done) == limit
    assert {(each.code, each.reason) for each in waited} == {(0, "")}
    await replaced(mesh, "busy", victim)


async def test_all_workers(start: Start) -> None:
    """Never a status without a cause; and as soon as one is back, calls end well again."""
    mesh = busy(start, workers=2)
    victims = mesh.workers("busy")
    streams = range(1, 201, 2)
    async with connected_to(mesh, 0) as wire:
        begin(wire, streams, "Hold", 1500)
        await wire.ping()
        await asyncio.sleep(0.2)
        for victim in victims:
            os.kill(victim["pid"], signal.SIGKILL)
        at_once = range(201, 221, 2)
        begin(wire, at_once, "Hold", 1)
        async with asyncio.timeout(SOON):
            done = await ends(wire, streams)
            meanwhile = await ends(wire, at_once)
        assert {(each.code, each.reason) for each in done} == {(UNAVAILABLE, "WORKER_LOST")}
        allowed = {
            (0, ""),
            *((UNAVAILABLE, why) for why in ("WORKER_LOST", "NOT_STARTED", "NO_READY_WORKER")),
        }
        assert {(each.code, each.reason) for each in meanwhile} <= allowed
        for victim in victims:
            await replaced(mesh, "busy", victim)
        stream = 1001
        async with asyncio.timeout(SOON):
            while True:
                begin(wire, one := range(stream, stream + 2, 2), "Hold", 1)
                ((code, _, _),) = await ends(wire, one)
                if code == 0:
                    break
                stream += 2


async def replaced(mesh: Mesh, service: str, victim: dict[str, object]) -> None:
    def ready() -> bool:
        now = mesh.workers(service)[int(str(victim["slot"]))]
        return bool(now["state"] == "ready" and now["pid"] != victim["pid"])

    await asyncio.to_thread(mesh.wait, ready)
