"""The compute pool and its kernels beside their peers: `python -m benchmarks.compute`.

Prints one line per measurement: the best of several runs, since whatever else runs on the machine
only ever adds time; round trips by their median and 99th percentile.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Before NumPy: one thread, to compare per core.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import uvloop

from tercet.cluster.sizing import usable_cpus
from tercet.compute._pool import Job
from tercet.compute.images.blur import blur
from tercet.compute.kernels._fibonacci import Fibonacci
from tercet.compute.kernels._gain import Gain
from tercet.compute.kernels._sum_of_squares import SumOfSquares
from tercet.compute.kernels._uniform import Fill, RandomSum
from tercet.compute.pool import Pool

# Per measurement: long enough to meet a quiet moment of a shared machine.
SECONDS = 2.0
ROUND_TRIPS = 5000
CANCELS = 200


def line(name: str, text: str) -> None:
    print(f"{name:<42}{text}")


def peer(function: Callable[[], object]) -> float:
    """Best milliseconds of a plain call."""
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


async def best(pool: Pool, make: Callable[[], Job], threads: int) -> float:
    """Best milliseconds from the first thread's begin to the last tile's end."""
    times = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        job = make()
        await pool.run(job, threads)
        times.append(job.running)
    return min(times) / 1e6


async def kernels(pool: Pool, threads: list[int]) -> None:
    filled = Fill(1, 10_000_000)
    await pool.run(filled)
    values = filled.output
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    flat, out = image.reshape(-1), np.empty(image.size, np.uint8)
    ramp = np.arange(256)[:, None] * [1.2, 1.1, 0.9]
    table = np.minimum(np.rint(ramp), 255).astype(np.uint8)[None]
    result = np.empty_like(image)
    measured: list[tuple[str, Callable[[], Job], str, float]] = [
        (
            "sum_of_squares, 10M float64",
            lambda: SumOfSquares(values),
            "numpy.dot",
            peer(lambda: np.dot(values, values)),
        ),
        (
            "gain, 1920x1080 RGB",
            lambda: Gain(flat, out, 1.2, 1.1, 0.9),
            "cv2.LUT",
            peer(lambda: cv2.LUT(image, table, result)),
        ),
        (
            "blur sigma 2, 1920x1080 RGB",
            lambda: blur(image, 2, pool.threads)[0],
            "cv2.GaussianBlur",
            peer(lambda: cv2.GaussianBlur(image, (0, 0), 2)),
        ),
        ("fibonacci(35), 4 tasks", lambda: Fibonacci(35, 4), "", 0),
        ("random_sum, 10M", lambda: RandomSum(1, 10_000_000), "", 0),
        ("fill, 10M, fresh memory", lambda: Fill(1, 10_000_000), "", 0),
    ]
    for name, make, other, other_time in measured:
        times = [await best(pool, make, n) for n in threads]
        text = ", ".join(f"{n}: {t:.2f} ms" for n, t in zip(threads, times, strict=True))
        if other:
            text += f"; {other}, 1 thread: {other_time:.2f} ms = {other_time / times[0]:.1f}x"
        line(name, text)


async def percentiles(call: Callable[[], Awaitable[object]], count: int) -> tuple[float, float]:
    """Median and 99th percentile in microseconds."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


async def round_trips(pool: Pool) -> None:
    loop = asyncio.get_running_loop()
    ours = await percentiles(lambda: pool.run(Job()), ROUND_TRIPS)
    with ThreadPoolExecutor(pool.threads) as executor:
        theirs = await percentiles(lambda: loop.run_in_executor(executor, int), ROUND_TRIPS)
    line(
        "empty job, round trip p50 / p99",
        f"{ours[0]:.0f} / {ours[1]:.0f} us; run_in_executor: {theirs[0]:.0f} / {theirs[1]:.0f} us",
    )


async def cancels(pool: Pool) -> None:
    """From the cancel of a running fibonacci(50) until the pool has run another job."""
    times = []
    for _ in range(CANCELS):
        task = asyncio.create_task(pool.run(Fibonacci(50, 1024)))
        while not pool.statistics()["running"]:  # noqa: ASYNC110 - a C thread sets no Event
            await asyncio.sleep(0)
        began = time.perf_counter()
        task.cancel()
        await asyncio.wait([task])
        await pool.run(Fibonacci(1, pool.threads))
        times.append((time.perf_counter() - began) * 1e6)
    median, worst = statistics.median(times), statistics.quantiles(times, n=100)[98]
    line("cancel to the next job done, p50 / p99", f"{median:.0f} / {worst:.0f} us")


def machine() -> str:
    """The line that each report of figures begins with."""
    rows = Path("/proc/cpuinfo").read_text().splitlines()
    models = [row.partition(":")[2].strip() for row in rows if row.startswith("model name")]
    model = models[0] if models else platform.machine()
    python = platform.python_version()
    return f"{usable_cpus()} x {model}, Linux {platform.release()}, Python {python}"


async def main() -> None:
    cpus = usable_cpus()
    print(machine())
    pool = Pool(cpus, 64)
    try:
        await kernels(pool, sorted({1, cpus}))
        await round_trips(pool)
        await cancels(pool)
    finally:
        await pool.close()


if __name__ == "__main__":
    uvloop.run(main())
