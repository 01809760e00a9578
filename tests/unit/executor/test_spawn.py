from __future__ import annotations

import asyncio
import errno
import os
import signal
import threading

import pytest

from tercet.executor.environment import environment
from tercet.executor.spawn import Child, Launch, Spawner
from tests.support import eventually
from tests.unit.executor.conftest import alive


def launch(*argv: str, stdout: int | None = None, pass_fds: tuple[int, ...] = ()) -> Launch:
    null = os.open(os.devnull, os.O_RDWR)
    return Launch(
        argv=[os.fsencode(each) for each in argv],
        environment=environment(),
        directory="/",
        stdin=null,
        stdout=null if stdout is None else stdout,
        stderr=null,
        pass_fds=pass_fds,
    )


def end(child: Child) -> int:
    os.close(child.pidfd)
    return child.popen.wait()


async def output_of(spawner: Spawner, *argv: str, pass_fds: tuple[int, ...] = ()) -> str:
    reading, writing = os.pipe()
    try:
        child = await spawner.spawn(launch(*argv, stdout=writing, pass_fds=pass_fds))
    finally:
        os.close(writing)
    with os.fdopen(reading) as stream:
        text = await asyncio.to_thread(stream.read)
    assert end(child) == 0
    return text


async def test_a_child_leads_a_group_of_its_own_in_the_session_of_the_service(
    spawner: Spawner,
) -> None:
    child = await spawner.spawn(launch("sleep", "600"))
    assert os.getpgid(child.popen.pid) == child.popen.pid
    assert os.getsid(child.popen.pid) == os.getsid(0)
    os.killpg(child.popen.pid, signal.SIGKILL)
    assert end(child) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("path", "number"), [("/no/such", errno.ENOENT), ("no-such", errno.ENOENT), ("/", errno.EACCES)]
)
async def test_a_failed_start_tells_why(spawner: Spawner, path: str, number: int) -> None:
    with pytest.raises(OSError, match=rf"^\[Errno {number}\]"):
        await spawner.spawn(launch(path))


async def test_the_thread_survives_an_order_that_cannot_be_carried_out(spawner: Spawner) -> None:
    with pytest.raises(ValueError, match="null byte"):
        await spawner.spawn(launch("sleep\0"))
    assert await output_of(spawner, "printf", "x") == "x"


async def test_all_children_are_started_by_one_thread_that_stays(spawner: Spawner) -> None:
    before = threading.active_count()
    for _ in range(5):
        await output_of(spawner, "true")
    # The one of to_thread in this test aside.
    names = [thread.name for thread in threading.enumerate()]
    assert "tercet-spawn" in names
    assert threading.active_count() <= before + 1


async def test_signals_are_neither_blocked_nor_ignored(spawner: Spawner) -> None:
    # Python ignores SIGPIPE and SIGXFSZ; and threads inherit what is blocked.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    blocking = Spawner()
    try:
        text = await output_of(blocking, "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        blocking.close()
    masks = {line.split()[0]: int(line.split()[1], 16) for line in text.splitlines()}
    assert masks.keys() == {"SigBlk:", "SigIgn:"}
    for name, mask in masks.items():
        # Signals 1 to 31. Those above are glibc's own first, and GNU make passes them on ignored;
        # HUP and INT are ignored where whoever started the tests ignores them (nohup, `&`).
        inherited = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}
        theirs = {number for number in range(1, 32) if mask >> (number - 1) & 1}
        assert theirs <= inherited, name


async def test_a_waiter_that_went_away_loses_no_child(spawner: Spawner) -> None:
    reading, writing = os.pipe()
    order = launch("sh", "-c", "echo $$; exec sleep 600", stdout=writing)
    waiter = asyncio.create_task(spawner.spawn(order))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    # What is started after it comes after it: one thread, in order.
    await output_of(spawner, "true")
    os.close(writing)
    with os.fdopen(reading) as stream:
        # Ended at once: it may not have come as far as telling its pid.
        text = await asyncio.to_thread(stream.read)
    if text:
        await eventually(lambda: not alive(int(text)))
