from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import psutil
import pytest

from tercet.executor.process import ExitStatus, Process
from tercet.executor.spawn import Spawner
from tests.support import eventually
from tests.unit.executor.test_spawn import launch

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(spawner: Spawner) -> AsyncIterator[Start]:
    started: list[Process] = []

    async def starting(*argv: str) -> Process:
        started.append(process := Process(await spawner.spawn(launch(*argv))))
        return process

    yield starting
    for process in started:
        process.signal(signal.SIGKILL)
        await process.wait()
        process.reap()


@pytest.mark.parametrize("code", [0, 1, 255])
async def test_an_exit_is_told_with_its_code(start: Start, code: int) -> None:
    assert await (await start("sh", "-c", f"exit {code}")).wait() == ExitStatus(code, None)


async def test_an_end_by_signal_is_told_with_its_number(start: Start) -> None:
    process = await start("sleep", "600")
    process.signal(signal.SIGUSR1)
    assert await process.wait() == ExitStatus(None, signal.SIGUSR1)


async def test_a_signal_reaches_the_whole_group(start: Start) -> None:
    process = await start("sh", "-c", "sleep 600 & wait")
    await eventually(lambda: bool(psutil.Process(process.pid).children()))
    (descendant,) = psutil.Process(process.pid).children()
    process.signal(signal.SIGKILL)
    await process.wait()
    await eventually(
        lambda: not descendant.is_running() or descendant.status() == psutil.STATUS_ZOMBIE
    )


async def test_an_ended_process_keeps_its_pid_until_it_is_reaped(start: Start) -> None:
    process = await start("true")
    await process.wait()
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    process.reap()
    assert not psutil.pid_exists(process.pid)


async def test_no_signal_is_sent_once_it_is_reaped(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await start("true")
    await process.wait()
    process.reap()
    process.reap()

    def killpg(*_: int) -> None:
        raise AssertionError("signalled a pid that is no longer ours")

    monkeypatch.setattr(os, "killpg", killpg)
    process.signal(signal.SIGKILL)


@pytest.mark.parametrize("pid", [0, 1, -1, os.getpgrp()])
async def test_a_group_that_is_no_childs_is_never_signalled(
    start: Start, monkeypatch: pytest.MonkeyPatch, pid: int
) -> None:
    process = await start("true")
    await process.wait()
    monkeypatch.setattr(os, "killpg", None)
    own, process.pid = process.pid, pid
    with pytest.raises(AssertionError, match="not the group of a child"):
        process.signal(signal.SIGKILL)
    monkeypatch.undo()
    process.pid = own


async def test_many_processes_end_without_a_thread_each(start: Start) -> None:
    import threading

    processes = [await start("sleep", "600") for _ in range(20)]
    assert threading.active_count() < 10
    for process in processes:
        process.signal(signal.SIGTERM)
    for process in processes:
        assert await process.wait() == ExitStatus(None, signal.SIGTERM)


async def test_waiting_has_a_limit(start: Start) -> None:
    process = await start("sleep", "600")
    assert not await process.exits_within(0.01)
    process.signal(signal.SIGTERM)
    assert await process.exits_within(10)
