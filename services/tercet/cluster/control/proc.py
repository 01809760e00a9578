"""What processes take, read from /proc. It may block: a process's memory is locked while it is
counted, and while it grows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 1 / os.sysconf("SC_CLK_TCK")
# Places of utime and stime behind the name in /proc/pid/stat: fields 14 and 15 of proc(5).
UTIME, STIME = 11, 12


class Taken(NamedTuple):
    """Of one process."""

    # Bytes of resident memory.
    rss: int
    # Bytes of it, those shared with others in part; None if it was not asked for, or is not told.
    pss: int | None
    # Seconds of CPU time since its start, of all its threads.
    cpu: float


def read_all(pids: Iterable[int], *, pss: bool = True, proc: Path = PROC) -> dict[int, Taken]:
    """By pid; without those that are gone.

    Args:
        pss: Whether to count shared pages too: the kernel looks at each page for it.
    """
    found = {}
    for pid in pids:
        try:
            found[pid] = _read(proc / str(pid), pss)
        except (OSError, ValueError, IndexError):
            # Gone, or going: a zombie has no memory.
            continue
    return found


def _read(process: Path, pss: bool) -> Taken:
    # The name may hold anything, parentheses and spaces too.
    _, _, fields = (process / "stat").read_text(errors="replace").rpartition(")")
    values = fields.split()
    return Taken(
        rss=int((process / "statm").read_text().split()[1]) * PAGE,
        pss=_pss(process) if pss else None,
        cpu=(int(values[UTIME]) + int(values[STIME])) * TICK,
    )


def _pss(process: Path) -> int | None:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        # Since Linux 4.14, and only for who may trace it.
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == "Pss":
            return int(value.split()[0]) * 1024
    return None
