"""A supervisor that stands still is not a dead one: nobody ends for it."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from tercet.cluster.worker.guard import ORDERLY
from tests.integration.greeting import channel, greet_many
from tests.integration.meshes import Mesh


async def test_workers_serve_while_it_is_stopped_and_end_in_order_later(greeters: Mesh) -> None:
    pids = {worker["pid"] for worker in greeters.workers("greeter")}
    os.kill(greeters.pid, signal.SIGSTOP)
    try:
        # Longer than an orphan lives.
        until = time.monotonic() + 2 * ORDERLY
        async with channel(greeters.gateway) as to:
            while time.monotonic() < until:
                tally = await greet_many(to, 16)
                assert not tally.failures
                assert set(tally.pids) <= pids
                await asyncio.sleep(0.05)
    finally:
        os.kill(greeters.pid, signal.SIGCONT)
    assert {worker["pid"] for worker in greeters.workers("greeter")} == pids
    assert await asyncio.to_thread(greeters.stop) == 0
