"""CPUs to run on, and CPU time that processes have used."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICK = 1e6 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def split(usable: set[int]) -> tuple[set[int], set[int]]:
    """One CPU for what is measured, and one for the load.

    Raises:
        ValueError: There are not two.
    """
    if len(usable) < 2:
        raise ValueError("two CPUs are needed: one for the program under test, one for the load")
    *_, load, tested = sorted(usable)
    return {tested}, {load}


def used(pids: Iterable[int], proc: Path = PROC) -> float:
    """User and system time of processes with all their threads, in microseconds (proc(5))."""
    return sum(microseconds((proc / str(pid) / "stat").read_text()) for pid in pids)


def microseconds(stat: str) -> float:
    """utime + stime from a /proc/PID/stat; it counts in ticks, of 10 ms as a rule."""
    # The name, in parentheses, may hold anything: fields are counted from its end.
    after_name = stat.rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) * TICK
