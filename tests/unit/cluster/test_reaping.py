"""Orphans are reaped; how our own children ended is not lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LEAVE_ORPHANS = Path(__file__).parents[2] / "children" / "leave_orphans.py"

# In a process of its own: a subreaper would be given the orphans of other tests too.
SUBREAPER = """
import asyncio, ctypes, os, signal, socket, subprocess, sys
from pathlib import Path
from tercet.cluster.process import Child
from tercet.cluster.reaping import Reaper

PR_SET_CHILD_SUBREAPER = 36

def children():
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[1]) == os.getpid():
                found[int(entry)] = stat[0]
    return found

def leave_orphans(count, seconds="0"):
    ended = subprocess.run([sys.executable, %r, str(count), seconds], stdout=subprocess.PIPE)
    return [int(pid) for pid in ended.stdout.split()]

async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)

async def main():
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    ours = set()
    reaper = Reaper(ours.__contains__)
%s

asyncio.run(main())
"""


def check(body: str) -> None:
    """Runs the body of `main` in a subreaper; it asserts by itself."""
    indented = "\n".join(f"    {line}" for line in body.strip().splitlines())
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", SUBREAPER % (str(LEAVE_ORPHANS), indented)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""


def test_without_it_orphans_stay_as_zombies() -> None:
    check(
        """
pids = leave_orphans(3)
await until(lambda: [children().get(pid) for pid in pids] == ["Z"] * 3)
"""
    )


def test_orphans_are_reaped_as_they_end() -> None:
    check(
        """
reaper.start()
pids = leave_orphans(3, "0.2")
assert set(pids) <= children().keys()
await until(lambda: not children())
reaper.close()
"""
    )


def test_those_that_had_ended_before_are_reaped_at_the_start() -> None:
    check(
        """
pids = leave_orphans(3)
await until(lambda: [children().get(pid) for pid in pids] == ["Z"] * 3)
reaper.start()
assert not children()
"""
    )


def test_the_status_of_our_own_child_is_its_owners() -> None:
    check(
        """
reaper.start()
mine = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
ours.add(mine.pid)
await until(lambda: children() == {mine.pid: "Z"})
reaper.reap()
assert mine.wait() == 7
reaper.close()
"""
    )


def test_orphans_behind_a_child_of_ours_are_reaped_when_it_is() -> None:
    # The kernel shows the oldest first, which is ours, and nobody tells when its owner takes it.
    check(
        """
mine = subprocess.Popen(["true"])
ours.add(mine.pid)
pids = leave_orphans(3)
await until(lambda: list(children().values()) == ["Z"] * 4)
reaper.start()
assert set(pids) <= children().keys()
assert mine.wait() == 0
await until(lambda: not children())
reaper.close()
"""
    )


def test_a_worker_is_reaped_once_by_its_pidfd() -> None:
    check(
        """
reaper.start()
exited = asyncio.get_running_loop().create_future()
a, b = socket.socketpair()
with a, b:
    child = Child(b, name="one/0", on_exit=exited.set_result)
    ours.add(child.pid)
    leave_orphans(5)
    child.signal(signal.SIGKILL)
    assert await exited == -signal.SIGKILL
await until(lambda: not children())
reaper.close()
"""
    )


def test_nothing_is_reaped_after_close() -> None:
    check(
        """
reaper.start()
reaper.close()
pids = leave_orphans(2)
await until(lambda: [children().get(pid) for pid in pids] == ["Z"] * 2)
"""
    )
