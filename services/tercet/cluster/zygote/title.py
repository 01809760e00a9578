"""Makes ps(1) show what a forked process is: its command line is that of the zygote.

The kernel shows the memory that the arguments of the exec lie in, and whoever writes there changes
what is shown; setproctitle and PostgreSQL do so. The new text must not be longer than the old.
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

from tercet.cluster import prctl

# Fields of proc_pid_stat(5) after the command's name, which is the second.
_ARG_START = 48 - 3
_ARG_END = 49 - 3


def retitle(old: str, new: str, name: str) -> None:
    """Changes the last arguments of the command line; does nothing where that cannot be done.

    Args:
        old: The last arguments, each with a NUL before it.
        new: What to show in their place; not longer.
        name: The command's name: see `prctl.set_name`.
    """
    with contextlib.suppress(OSError):
        prctl.set_name(name)
    shown = Path("/proc/self/cmdline").read_bytes()
    tail = f"{old}\0".encode()
    changed = f"{new}\0".encode()
    if not shown.endswith(tail) or len(changed) > len(tail):
        return
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
    # Not what we think it is, or hidden from us, as a sandbox may do: then better not.
    if end - start == len(shown) and ctypes.string_at(start, len(shown)) == shown:
        ctypes.memmove(end - len(tail), changed.ljust(len(tail), b"\0"), len(tail))
