"""A slot that is told to stop while one worker replaces another."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tercet.cluster.plan import Plan
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.slot import NotReplaced, Slot
from tercet.cluster.spec import MeshSpec, ServiceSpec
from tercet.cluster.surroundings import Surroundings
from tests.support import eventually


class Worker:
    """A process that hears nothing, and dies of a signal."""

    pid = 7
    age = 60.0

    def __init__(
        self,
        end: socket.socket,
        *,
        name: str,
        on_exit: Callable[[int], None],
        descriptors: Sequence[int],
    ) -> None:
        del name, descriptors
        self._end = end.dup()
        self._on_exit = on_exit

    def signal(self, number: signal.Signals) -> None:
        self._end.close()
        self._on_exit(-number)


async def nothing() -> None:
    pass


async def test_whoever_waits_for_its_end_does_not_stay_with_a_successor_that_never_came(
    tmp_path: Path,
) -> None:
    service = ServiceSpec(name="one", target="nobody:register", workers=1)
    runtime = RuntimeDir(tmp_path)
    surroundings = Surroundings(MeshSpec(services=[service]), runtime, settled=nothing)
    plan = Plan(service=service, revision=1, engine="native", starter=Worker)
    slot = Slot(plan, 0, surroundings, generations=itertools.count(1))
    keeper = asyncio.create_task(slot.keep())
    await eventually(lambda: slot.current is not None)
    slot.serving(1)
    replacing = asyncio.create_task(slot.replace(plan))
    await eventually(lambda: len(slot.lives()) == 2)
    slot.stop(1.0)
    # In one turn, with whoever replaces it still waiting to hear of that.
    slot.kill()
    await slot.empty()
    await keeper
    with pytest.raises(NotReplaced):
        await replacing
    runtime.close()
