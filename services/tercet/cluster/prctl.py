"""What prctl(2) offers and Python does not."""

from __future__ import annotations

import os
import signal

# <linux/prctl.h>
_SET_PDEATHSIG = 1
_SET_NAME = 15
_SET_CHILD_SUBREAPER = 36


def adopt_orphans(adopt: bool = True) -> None:
    """From now on, processes below this one that lose their parent become its children, or not.

    Raises:
        OSError: The kernel refuses.
    """
    _call(_SET_CHILD_SUBREAPER, int(adopt))


def die_with_parent() -> None:
    """Has the kernel kill this process when the thread that started it ends.

    Whoever calls this must look at its parent afterwards: it may be gone already. A fork of this
    process does not have it.

    Raises:
        OSError: The kernel refuses.
    """
    _call(_SET_PDEATHSIG, signal.SIGKILL)


def continue_without_parent() -> None:
    """Has the kernel continue this process, if it is stopped then, when its parent ends.

    Raises:
        OSError: The kernel refuses.
    """
    _call(_SET_PDEATHSIG, signal.SIGCONT)


def set_name(name: str) -> None:
    """Sets what ps(1) and top(1) show as the command's name: its first 15 bytes.

    Raises:
        OSError: The kernel refuses.
    """
    _call(_SET_NAME, name.encode()[:15])


def _call(option: int, argument: int | bytes) -> None:
    # Most supervisors have no use for it.
    import ctypes

    # The arguments are unsigned longs or pointers; a plain int would be passed as an int.
    given = ctypes.c_char_p(argument) if isinstance(argument, bytes) else ctypes.c_ulong(argument)
    zero = ctypes.c_ulong(0)
    if ctypes.CDLL(None, use_errno=True).prctl(option, given, zero, zero, zero):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
