"""Threads: the same work on one and on more of them, with the same result to the last bit."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import tercet
from examples.tour.mesh import Mesh
from examples.tour.table import seconds, table
from tercet.client import Fill, compute
from tercet.errors import TercetError

# Enough for a median: the first on more threads finds them on one core, until the kernel moves one.
RUNS = 9
# An array of 80 MB, made in the service: a message carries 4 MiB.
NUMBERS = Fill(seed=2026, n=10_000_000)

# Kernel, what is shown of it, its arguments.
WORK: tuple[tuple[str, str, Mapping[str, compute.Argument]], ...] = (
    ("sum_of_squares", "10 million float64", {"values": NUMBERS}),
    ("random_sum", "10 million numbers", {"count": NUMBERS.n, "seed": NUMBERS.seed}),
    ("fibonacci", "4 times fibonacci(35)", {"n": 35, "tasks": 4}),
)


async def run(mesh: Mesh, client: tercet.Client, out: Path) -> str:
    available = (await client.compute.list_kernels()).threads
    rows: list[tuple[object, ...]] = []
    gains = []
    for kernel, what, arguments in WORK:
        times: dict[int, list[float]] = {threads: [] for threads in counts(available)}
        results = {}
        for threads, taken in times.items():
            for _ in range(RUNS):
                result = await client.compute.run(kernel, arguments, threads=threads)
                taken.append(result.timing.running)
                results[b"".join(each.tobytes() for each in result.outputs.values())] = result.value
        if len(results) != 1:
            raise TercetError(f"{kernel} gave {len(results)} different results")
        (value,) = results.values()
        medians = {threads: statistics.median(taken) for threads, taken in times.items()}
        for threads, median in medians.items():
            speedup = f"{medians[1] / median:.2f}x"
            # The tasks of fibonacci give the same number.
            rows.append((kernel, what, threads, seconds(median), speedup, np.unique(value).item()))
        gains.append(f"{kernel} {speedup}")
    table(("KERNEL", "WORK", "THREADS", "TIME", "SPEED-UP", "RESULT"), rows)
    print(f"time in the kernel, median of {RUNS}; every result the same bits on any threads")
    return f"on {available} threads instead of 1: {', '.join(gains)}; same bits"


def counts(available: int) -> list[int]:
    """1, 2, 4, ... and all."""
    return sorted({available, *(1 << i for i in range(available.bit_length()))})
