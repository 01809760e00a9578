"""Keeps what a worker has inherited from those that it starts itself.

Descriptors are inherited by number, so they come without the flag that closes them at the next
exec. `subprocess` closes all others by itself, but not everybody uses it, or leaves it at that.
"""

from __future__ import annotations

import contextlib
import os


def keep() -> None:
    """Has every descriptor but the standard streams closed in programs that are started from now.

    To be called before code of anybody else's runs, and before there are threads.
    """
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            # The one that listed them is gone.
            with contextlib.suppress(OSError):
                os.set_inheritable(int(name), False)
