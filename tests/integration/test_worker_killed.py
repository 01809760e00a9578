"""kill -9 of a worker: only what it was running is hit, and its slot is filled again."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.integration.greeting import channel, greet_many
from tests.integration.meshes import Mesh


async def test_idempotent_calls_succeed_and_a_successor_serves(greeters: Mesh) -> None:
    victim = greeters.worker("greeter")
    async with channel(greeters.gateway, retry=True) as to:
        calls = asyncio.create_task(greet_many(to, 1500))
        await asyncio.sleep(0.2)
        os.kill(victim["pid"], signal.SIGKILL)
        tally = await calls
        assert not tally.failures
        assert sum(tally.pids.values()) == 1500

        def succeeded() -> bool:
            now = greeters.worker("greeter")
            return bool(now["state"] == "ready" and now["pid"] != victim["pid"])

        await asyncio.to_thread(greeters.wait, succeeded)
        successor = greeters.worker("greeter")
        later = await greet_many(to, 200)
    assert not later.failures
    assert set(later.pids) == {successor["pid"], greeters.worker("greeter", 1)["pid"]}
    assert successor["generation"] == 2
    assert successor["restarts"] == 1
    assert successor["last_exit"] == "killed by SIGKILL"
    assert successor["address"] != victim["address"]
    assert not Path(victim["address"].removeprefix("unix:")).exists()  # noqa: ASYNC240


async def test_the_gateway_is_replaced_on_its_port(greeters: Mesh) -> None:
    gateway = greeters.worker("gateway")
    os.kill(gateway["pid"], signal.SIGKILL)
    greeters.wait(
        lambda: (
            greeters.worker("gateway")["state"] == "ready"
            and greeters.worker("gateway")["generation"] == 2
        )
    )
    assert greeters.gateway == gateway["bind"]
    async with channel(greeters.gateway) as to:
        tally = await greet_many(to, 100)
    assert not tally.failures


async def test_without_the_control_process_no_call_is_lost(greeters: Mesh) -> None:
    control = greeters.worker("control")
    async with channel(greeters.gateway) as to:
        calls = asyncio.create_task(greet_many(to, 1500))
        await asyncio.sleep(0.1)
        os.kill(control["pid"], signal.SIGKILL)
        tally = await calls
        assert not tally.failures

        def back() -> bool:
            # The socket is away for a moment; then the list is whole again.
            return greeters.worker("control")["generation"] == 2

        await asyncio.to_thread(greeters.wait, back)
        assert {worker["state"] for worker in greeters.workers()} == {"ready"}
        # And it still leads the gateway to a successor.
        os.kill(greeters.worker("greeter")["pid"], signal.SIGKILL)
        await asyncio.to_thread(
            greeters.wait,
            lambda: (
                greeters.worker("greeter")["generation"] == 2
                and greeters.worker("greeter")["state"] == "ready"
            ),
        )
        pids = (await greet_many(to, 200)).pids
    assert greeters.worker("greeter")["pid"] in pids
