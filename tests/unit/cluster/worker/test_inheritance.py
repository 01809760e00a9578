"""What programs of a worker do not have, though the worker has inherited it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, subprocess, sys
from tercet.cluster.worker import inheritance
given = [os.dup(0), os.dup(1)]
for each in given:
    os.set_inheritable(each, True)
inheritance.keep()
listing = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
subprocess.run([sys.executable, "-c", listing], close_fds=False, check=True)
for each in given:
    os.fstat(each)
"""


def test_a_program_has_the_standard_streams_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert done.stdout == b"[0, 1, 2]\n"
