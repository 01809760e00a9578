"""Puts right what a process inherits from whoever started it and cannot work with.

Daemons and cron start programs with closed standard streams; some shells and supervisors leave
signals ignored or blocked, and both outlive an exec.
"""

from __future__ import annotations

import os
import signal


def put_right() -> None:
    """To be called before the first descriptor is opened and the first child is started."""
    # Whatever is opened next would take their numbers, and be written to by the next print.
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            # The lowest free number, so this one; those below it are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    # Where SIGCHLD is ignored the kernel reaps the children, and how they ended is lost.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
