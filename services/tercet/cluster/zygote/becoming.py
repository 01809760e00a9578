"""Makes of a forked process what an exec'd worker is when it starts.

The interpreter itself does the rest at a fork: it seeds `random` anew and forgets other threads.
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
# Python ignores these from its start on.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)


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
    """Undoes what the import may have done about signals."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, *_IGNORED}:
        # None: a handler that Python does not know, such as faulthandler's.
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def fresh_random_state() -> None:
    """Workers must not draw the same numbers."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
