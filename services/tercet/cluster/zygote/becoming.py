"""Makes of the zygote, and of what it forks, what an exec'd worker is when it starts.

The interpreter itself does the rest at a fork, such as to seed `random` anew.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

# How many threads the libraries for numbers start: for some of them at their import, and a process
# with threads is not to be forked. OpenBLAS alone does (NumPy and OpenCV bring one each); GNU's
# OpenMP hangs in a fork if it was used before. Each reads its variable when it is loaded.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Within it, the environment asks for it; after it, programs are started with the old one."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def default_signals() -> None:
    """Undoes what the import has done about the signals that end a worker.

    It has its own handlers for them as soon as its loop runs; until then they are to end it. What
    a module does about other signals is its own business, as it is in a worker that is exec'd.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def fresh_random_state() -> None:
    """Workers must not draw the same numbers."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
