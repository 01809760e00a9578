"""How much freed memory the C library keeps for the next message.

glibc gives a large block back to the kernel as soon as it is freed, and asks for it again for the
next message. Touching fresh pages then costs as much as copying the message: see
docs/decisions/0006.
"""

from __future__ import annotations

import ctypes
import os

# mallopt(3), <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# Kept for a server whose messages have no limit.
MOST = 1 << 30
# A message in and its answer, each as bytes and in protobuf, the handler's own of either, and the
# beginnings of the next one.
COPIES = 8
# Who has set one of these has thought about it.
SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def enough_for(largest: int, asked: int) -> int:
    """Bytes to keep: what was asked for, or else a few of the largest messages.

    Args:
        largest: Limit of a message, in bytes; -1 for none.
        asked: -1 for no wish; 0 leaves everything as it is.
    """
    if asked >= 0:
        return asked
    return MOST if largest < 0 else min(COPIES * largest, MOST)


def keep(size: int) -> bool:
    """Keeps so many bytes of freed memory in this process; whether it does so from now on.

    Nothing is done for a size of 0, where the environment has settings of its own, and where the C
    library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if size <= 0 or mallopt is None or any(name in os.environ for name in SETTINGS):
        return False
    # Both are C ints.
    return bool(mallopt(M_TRIM_THRESHOLD, size) and mallopt(M_MMAP_THRESHOLD, size // 2))
