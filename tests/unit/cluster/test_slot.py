"""One slot without a mesh around it: what it does when a worker cannot be started."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tercet.cluster import slot as module
from tercet.cluster.process import Child
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.slot import Slot
from tercet.cluster.spec import ServiceSpec
from tercet.cluster.states import State
from tests.support import eventually


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    runtime = RuntimeDir(tmp_path)
    yield Slot(
        ServiceSpec(name="one", target="nobody:register", workers=1),
        0,
        bind="",
        shown_bind="",
        runtime=runtime,
        engine="grpcio",
        grace=1.0,
        boot_timeout=60.0,
        changed=lambda: None,
        on_message=lambda message: None,
        give_up=lambda slot: False,
    )
    runtime.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_shortage_of_the_machine_is_waited_out(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    def no_process(*_: Any, **__: Any) -> Child:
        nonlocal tried
        tried += 1
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(module, "Child", no_process)
    before = descriptors()
    keeper = asyncio.create_task(slot.keep())
    await eventually(lambda: tried >= 3)
    now = slot.record()
    assert (now.state, now.pid, now.restarts) == (State.GONE, 0, tried)
    assert now.last_exit == "could not be started: Resource temporarily unavailable"
    assert descriptors() == before
    slot.stop(1.0)
    await keeper


async def test_one_that_cannot_be_watched_is_not_left_running(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", no_descriptor)
    before = descriptors()
    keeper = asyncio.create_task(slot.keep())
    await eventually(lambda: slot.record().restarts >= 1)
    assert "Too many open files" in slot.record().last_exit
    assert descriptors() == before
    slot.stop(1.0)
    await keeper
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # noqa: ASYNC222
