"""Pins this process to one CPU."""

from __future__ import annotations

import contextlib
import logging
import os

log = logging.getLogger("tercet")


def pin(cpu: int) -> None:
    """Has all threads that there are, and those that they will start, run on that CPU alone.

    One that this process may not run on is a warning: it works without as well.
    """
    # sched_setaffinity(2) is about one thread. Modules that were imported may have started some.
    for thread in os.listdir("/proc/self/task"):
        try:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread), {cpu})
        except OSError as error:
            log.warning("cannot pin it to CPU %d: %s", cpu, error.strerror)
            return
