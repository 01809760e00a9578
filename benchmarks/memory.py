"""What a process weighs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Weight:
    """In MiB.

    Attributes:
        rss: All pages in memory.
        pss: The same, with each shared page divided by the number of its users.
        private: Pages that no other process has.
    """

    rss: float
    pss: float
    private: float


def weigh(pid: int, proc: Path = PROC) -> Weight:
    return parse((proc / str(pid) / "smaps_rollup").read_text())


def parse(rollup: str) -> Weight:
    """Reads a /proc/PID/smaps_rollup (proc(5))."""
    rows = (line.split() for line in rollup.splitlines()[1:])
    kibibytes = {row[0]: int(row[1]) for row in rows}
    private = kibibytes["Private_Clean:"] + kibibytes["Private_Dirty:"]
    return Weight(kibibytes["Rss:"] / 1024, kibibytes["Pss:"] / 1024, private / 1024)
