"""How many CPUs this process may use, and which.

`os.cpu_count()` knows neither affinity nor a container's quota (python/cpython#149452). A quota may
be set at any level of the tree of cgroups, and the least of them counts: a container's at the top
of what it sees, systemd's CPUQuota= at a service far below.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUP = Path("/sys/fs/cgroup")
# cgroups(7): lines of hierarchy:controllers:path, without controllers for version 2.
OWN = Path("/proc/self/cgroup")


def usable_cpus(*, cgroup: Path = CGROUP, own: Path = OWN) -> int:
    """min(affinity, cgroup quota rounded up), at least 1: as Kubernetes means a CPU limit.

    Args:
        cgroup: Where the hierarchies of cgroups are mounted.
        own: The file that says which groups this process is in.
    """
    affinity = len(cpus())
    quota = min(_quotas(cgroup, own), default=affinity)
    return max(1, min(affinity, math.ceil(quota)))


def cpus() -> list[int]:
    """Numbers of the CPUs that this process may run on."""
    return sorted(os.sched_getaffinity(0))


def _quotas(cgroup: Path, own: Path) -> Iterator[float]:
    """CPUs, as each of its groups and of those above them allows them."""
    v2, v1 = _groups(own)
    for level in _levels(v2):
        yield from _quota_v2(cgroup / level)
    for level in _levels(v1):
        yield from _quota_v1(cgroup / "cpu" / level)


def _groups(own: Path) -> tuple[str, str]:
    """The group's path in version 2, and in the hierarchy of version 1 that has CPUs."""
    v2 = v1 = "/"
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            v2 = path
        elif "cpu" in controllers.split(","):
            v1 = path
    return v2, v1


def _levels(path: str) -> Iterator[PurePosixPath]:
    """The root, and each group on the way to the path's."""
    # In a container that sees the host's paths, all but the root lead nowhere, which is harmless:
    # what is mounted is its own group. One that was moved out of its namespace sees "/..".
    place = PurePosixPath()
    yield place
    for part in path.strip("/").split("/"):
        if part == "..":
            return
        place /= part
        yield place


def _quota_v2(group: Path) -> Iterator[float]:
    try:
        quota, period = (group / "cpu.max").read_text().split()
        if quota != "max":
            yield int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return


def _quota_v1(group: Path) -> Iterator[float]:
    try:
        quota = int((group / "cpu.cfs_quota_us").read_text())
        period = int((group / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return
    if quota > 0 and period > 0:
        yield quota / period
