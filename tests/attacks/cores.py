"""A core for the server, another for its clients: they must not decide what it can do."""

from __future__ import annotations

import os


def take(index: int) -> None:
    """Puts this process on the core of that number, if there are two at least."""
    put(0, index)


def put(pid: int, index: int) -> None:
    """The same with another process."""
    if hasattr(os, "sched_getaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) > 1:
            os.sched_setaffinity(pid, {allowed[index]})
