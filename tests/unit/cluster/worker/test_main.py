"""A worker whose supervisor dies while it starts it: the guard does not watch yet."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tercet.cluster.process import LINK_VARIABLE, WORKER_MODULE
from tercet.cluster.worker.guard import ORPHANED


@pytest.mark.parametrize("said", [b"", b'{"type":"start","spec":{'], ids=["nothing", "half"])
def test_it_ends_before_it_knows_what_it_is(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    # Said before it is born: it finds the words and the end of them at once.
    ours.sendall(said)
    ours.close()
    with theirs:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER_MODULE, "late/0"],
            pass_fds=[theirs.fileno()],
            # It ends its session, which must not be ours.
            start_new_session=True,
            env=os.environ | {LINK_VARIABLE: str(theirs.fileno())},
            stderr=subprocess.PIPE,
        )
    with worker:
        try:
            _, complaint = worker.communicate(timeout=20)
        finally:
            worker.kill()
    assert worker.returncode == ORPHANED
    assert b"Traceback" not in complaint
