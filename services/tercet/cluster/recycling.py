"""When a worker is replaced although it is well: after so many calls, so long, or grown so large.

Limits of calls and of age are drawn for each worker, so that those which were started together are
not replaced together.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from tercet.cluster.spec import RecycleSpec

# The part of an age, at most, by which a worker's own is shorter.
SPREAD = 0.1


class Wear:
    """Of one worker.

    Args:
        spec: The limits of its service.
        rng: Of draws.
    """

    def __init__(self, spec: RecycleSpec, rng: Random) -> None:
        self._spec = spec
        self._most_calls = 0
        if spec.max_requests:
            self._most_calls = spec.max_requests + rng.randint(0, spec.max_requests_jitter)
        self._most_age = spec.max_age * (1.0 - SPREAD * rng.random())
        self._above = 0
        self._sampled = 0.0

    def due(self, *, calls: int, age: float) -> str:
        """Why it is to be replaced; "" if it is not.

        Args:
            calls: That it has begun.
            age: Seconds since its start.
        """
        if self._most_calls and calls >= self._most_calls:
            return f"it has taken {calls} calls"
        if self._most_age and age >= self._most_age:
            return f"it is {age:.0f} s old"
        return ""

    def wants_sample(self, age: float) -> bool:
        """Whether it is time to look at its memory."""
        return bool(self._spec.max_rss) and age >= self._sampled + self._spec.rss_interval

    def sample(self, rss: int, age: float) -> str:
        """Takes note of its resident memory, in bytes; why it is to be replaced, or ""."""
        self._sampled = age
        self._above = self._above + 1 if rss > self._spec.max_rss else 0
        if self._above >= self._spec.rss_samples:
            return f"it has {rss / 2**20:.0f} MiB in memory"
        return ""


def resident(pid: int) -> int:
    """Resident memory of a process, in bytes; 0 if it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGESIZE")
