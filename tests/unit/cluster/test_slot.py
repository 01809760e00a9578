"""One slot without a mesh around it: what it does when a worker cannot be started."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tercet.cluster import region as layout
from tercet.cluster import slot as module
from tercet.cluster.link import Link
from tercet.cluster.messages import Message, Start
from tercet.cluster.process import Child
from tercet.cluster.region import SharedRegion
from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.slot import Slot
from tercet.cluster.spec import RegionSpec, ServiceSpec
from tercet.cluster.states import State
from tests.support import eventually


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    runtime = RuntimeDir(tmp_path)
    yield made(runtime)
    runtime.close()


def made(runtime: RuntimeDir, region: SharedRegion | None = None, row: int = 0) -> Slot:
    return Slot(
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
        region=region,
        row=row,
    )


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


class FakeChild:
    """A worker that hears what it is and dies when it is told to, of which its test tells."""

    lives: ClassVar[list[FakeChild]]
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
        self.descriptors = descriptors
        self.heard: list[Message] = []
        self.on_exit = on_exit
        self.link = Link(end.dup(), on_message=self.heard.append)
        self.lives.append(self)

    def signal(self, number: signal.Signals) -> None:
        self.link.close()
        self.on_exit(-number)


async def test_a_gateways_row_is_zeroed_between_its_death_and_its_successors_birth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = SharedRegion(3)
    row = layout.ROWS + 2 * layout.ROW
    found: list[bytes] = []

    class Gateway(FakeChild):
        lives: ClassVar[list[FakeChild]] = []

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            found.append(os.pread(region.fd, 8, row))
            os.pwrite(region.fd, b"12345678", row)

    monkeypatch.setattr(module, "Child", Gateway)
    runtime = RuntimeDir(tmp_path)
    slot = made(runtime, region, row=2)
    keeper = asyncio.create_task(slot.keep())
    await eventually(lambda: len(Gateway.lives) == 1 and bool(Gateway.lives[0].heard))
    first = Gateway.lives[0]
    assert tuple(first.descriptors) == (region.fd, *region.eventfds)
    start = first.heard[0]
    assert isinstance(start, Start)
    assert start.spec.region == RegionSpec(fd=region.fd, row=2, eventfds=list(region.eventfds))
    assert start.spec.region.descriptors == (region.fd, *region.eventfds)
    slot.kill()
    await eventually(lambda: len(Gateway.lives) == 2)
    slot.stop(1.0)
    await keeper
    assert found == [bytes(8), bytes(8)]
    assert os.pread(region.fd, 8, row) == bytes(8)
    # Twice it has died, and the others were told.
    assert [os.eventfd_read(each) for each in region.eventfds] == [2, 2, 2]
    runtime.close()
    region.close()
