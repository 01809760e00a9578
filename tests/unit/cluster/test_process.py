"""What is known of an exit, and ending a whole session."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from tercet.cluster import process
from tercet.cluster.process import Child, describe_exit, end_session


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, "exited with 0"),
        (78, "exited with 78"),
        (-9, "killed by SIGKILL"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (-40, "killed by signal 40"),
    ],
)
def test_exits_are_described(code: int, expected: str) -> None:
    assert describe_exit(code) == expected


def test_the_rest_of_a_session_is_killed_and_its_leader_spared() -> None:
    # The leader starts a program in a process group of its own, as the executor does.
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen(['sleep', '600'], process_group=0);"
        "print(child.pid, flush=True); print(child.wait(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as leader:
        assert leader.stdout
        leader.stdout.readline()
        end_session(leader.pid)
        assert leader.stdout.readline().strip() == str(-signal.SIGKILL)
        assert leader.poll() is None
        leader.kill()


def test_one_that_may_not_be_killed_does_not_keep_the_others_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A program that has changed its user, such as sudo. (As root there is none to be had.)
    killed = []

    def kill(pid: int, number: int) -> None:
        killed.append(pid)
        if pid == 11:
            raise PermissionError

    monkeypatch.setattr(process, "_members", lambda session: [10, 11, 12])
    monkeypatch.setattr(os, "kill", kill)
    end_session(10)
    assert killed == [11, 12]


async def test_one_that_has_just_gone_is_left_in_peace() -> None:
    exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = Child(theirs, name="one/0", on_exit=exited.set_result)
        child.signal(signal.SIGKILL)
        assert await exited == -signal.SIGKILL
        child.signal(signal.SIGTERM)
