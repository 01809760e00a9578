"""A process that was started carelessly is put right before it does anything."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CODE = """
import os, signal, sys
from tercet.cluster.inherited import put_right
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
put_right()
opened = os.open("/", os.O_RDONLY)
assert opened > 2, f"a standard stream's number was given away: {opened}"
assert all(os.get_inheritable(stream) for stream in range(3))
assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_are_open_and_children_can_be_waited_for(closed: str) -> None:
    script = f'exec "$0" -c "$1" 42 {closed}'
    ended = subprocess.run(["/bin/sh", "-c", script, sys.executable, CODE], check=False)
    assert ended.returncode == 42


def test_open_streams_are_left_as_they_are() -> None:
    code = "from tercet.cluster.inherited import put_right; put_right(); print(input())"
    ended = subprocess.run(
        [sys.executable, "-c", code], input="hello\n", capture_output=True, text=True, check=True
    )
    assert ended.stdout == "hello\n"
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
