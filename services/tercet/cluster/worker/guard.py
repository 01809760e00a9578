"""Ends a worker whose supervisor is gone, even if its event loop is stuck.

The link's other end closes when the supervisor dies, however it dies. The loop is told first and
may close in order; what is not gone after a second is ended from here. Works as long as threads of
this process can run: code that never releases the GIL stops it. A process that somebody has stopped
(SIGSTOP) is continued for it, by the kernel.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from tercet.cluster import prctl
from tercet.cluster.process import end_session

ORDERLY = 1.0
ORPHANED = 70  # EX_SOFTWARE of sysexits.h


def watch(
    link: socket.socket, *, orphaned: Callable[[], object], leave: Callable[[], None]
) -> None:
    """Starts the guard.

    Args:
        link: The link's socket; the guard watches a duplicate of it.
        orphaned: Called from the guard's thread when the supervisor is gone.
        leave: Called before the process is ended the hard way; takes its files away.
    """
    duplicate = link.dup()
    # Where a sandbox forbids it, one that is stopped stays.
    with contextlib.suppress(OSError):
        prctl.continue_without_parent()

    def run() -> None:
        poll = select.poll()
        # No events asked for: only POLLHUP and POLLERR are reported, whatever is sent.
        poll.register(duplicate, 0)
        poll.poll()
        orphaned()
        time.sleep(ORDERLY)
        leave()
        end_session(os.getpid())
        os._exit(ORPHANED)

    threading.Thread(target=run, name="guard", daemon=True).start()
