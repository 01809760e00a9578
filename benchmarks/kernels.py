"""Kernels and the pool beside what a Python program would use instead.

Each side does the whole of what its caller waits for: ours with the way to the pool and back.
Peers run on one thread, to compare per core: OPENBLAS_NUM_THREADS=1 must be set before NumPy is
imported.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np

from benchmarks.rounds import interleave, percentile
from tercet.compute._pool import Job
from tercet.compute.kernels._gain import Gain
from tercet.compute.kernels._sum_of_squares import SumOfSquares
from tercet.compute.kernels._uniform import Fill
from tercet.compute.pool import Pool

ELEMENTS = 10_000_000
SHAPE = (1080, 1920, 3)
FACTORS = (1.2, 1.1, 0.9)
ROUND_TRIPS = 1000

Side = Callable[[], Awaitable[object]]


@dataclass
class Work:
    """One row: the same result made on either side.

    Attributes:
        times: Milliseconds by the name of the side, one per round.
    """

    name: str
    peer: str
    sides: dict[str, Side]
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class RoundTrip:
    """Of an empty task, in microseconds."""

    p50: float
    p99: float


async def measure(rounds: int, threads: list[int]) -> tuple[list[Work], dict[str, list[RoundTrip]]]:
    """Measures kernels with each number of threads, and round trips."""
    pool = Pool(max(threads), 64)
    try:
        works = [await _sum_of_squares(pool, threads), _gain(pool, threads)]
        for work in works:
            for _, (side, run) in interleave(list(work.sides.items()), rounds):
                began = time.perf_counter()
                await run()
                work.times[side].append((time.perf_counter() - began) * 1e3)
        return works, await _round_trips(pool, rounds)
    finally:
        await pool.close()


def threads_of(count: int) -> str:
    return f"Tercet, {count} thread{'s' if count > 1 else ''}"


async def _sum_of_squares(pool: Pool, threads: list[int]) -> Work:
    filled = Fill(1, ELEMENTS)
    await pool.run(filled)
    values = filled.output

    async def peer() -> None:
        np.dot(values, values)

    sides: dict[str, Side] = {"numpy.dot": peer}
    for count in threads:
        sides[threads_of(count)] = _run(pool, lambda: SumOfSquares(values), count)
    return Work(f"sum_of_squares of {ELEMENTS:,} float64", "numpy.dot", sides)


def _gain(pool: Pool, threads: list[int]) -> Work:
    image = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    flat, out = image.reshape(-1), np.empty(image.size, np.uint8)
    ramp = np.arange(256)[:, None] * FACTORS
    levels = np.minimum(np.rint(ramp), 255).astype(np.uint8)[None]
    result = np.empty_like(image)
    cv2.setNumThreads(1)

    async def peer() -> None:
        cv2.LUT(image, levels, result)

    sides: dict[str, Side] = {"cv2.LUT": peer}
    for count in threads:
        sides[threads_of(count)] = _run(pool, lambda: Gain(flat, out, *FACTORS), count)
    return Work("gain on 1920x1080 RGB", "cv2.LUT", sides)


def _run(pool: Pool, make: Callable[[], Job], threads: int) -> Side:
    return lambda: pool.run(make(), threads)


async def _round_trips(pool: Pool, rounds: int) -> dict[str, list[RoundTrip]]:
    loop = asyncio.get_running_loop()
    found: dict[str, list[RoundTrip]] = defaultdict(list)
    with ThreadPoolExecutor(pool.threads) as executor:
        sides: list[tuple[str, Side]] = [
            ("ThreadPoolExecutor", functools.partial(_in_executor, loop, executor)),
            ("Tercet", lambda: pool.run(Job())),
        ]
        for _, (side, run) in interleave(sides, rounds):
            found[side].append(await _round_trip(run))
    return found


async def _in_executor(loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor) -> None:
    await loop.run_in_executor(executor, int)


async def _round_trip(run: Side) -> RoundTrip:
    times = []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        await run()
        times.append((time.perf_counter() - began) * 1e6)
    times.sort()
    return RoundTrip(percentile(times, 50), percentile(times, 99))
