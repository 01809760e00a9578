"""CPUs to run on, and the time that processes, or anyone, have used of them."""

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


def busy(cpus: set[int], proc: Path = PROC) -> float:
    """Time that CPUs have spent on programs of anyone, or were taken away, in microseconds.

    Not on interrupts: loopback's are caused by the load, and belong to no process.
    """
    total = 0
    for line in (proc / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name.removeprefix("cpu").isdigit() and int(name.removeprefix("cpu")) in cpus:
            user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, ticks[:8])
            total += user + nice + system + steal
    return total * TICK


def microseconds(stat: str) -> float:
    """utime + stime from a /proc/PID/stat; it counts in ticks, of 10 ms as a rule."""
    # The name, in parentheses, may hold anything: fields are counted from its end.
    after_name = stat.rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) * TICK
