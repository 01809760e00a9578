"""The report of `benchmarks.kernels`."""

from __future__ import annotations

from benchmarks.kernels import ROUND_TRIPS, RoundTrip, Work, threads_of
from benchmarks.report import spread, table, times
from benchmarks.rounds import ratio, summary


def paragraphs(
    works: list[Work], trips: dict[str, list[RoundTrip]], machine: str, command: str
) -> list[str]:
    rounds = len(next(iter(works[0].times.values())))
    return [
        "# Kernels and the pool beside their peers",
        f"{machine}.",
        f"Command: `{command}`",
        f"{rounds} interleaved rounds in one process, not pinned; each time is what the caller "
        "waits for, the way to the pool and back included. Peers run on one thread. Figures are "
        "the median (lowest–highest); ratios are the peer's time over ours, the median of the "  # noqa: RUF001
        "ratios within each round: above 1, ours is faster.",
        "## What it means",
        _meaning(works, trips),
        "## Kernels, ms",
        table(
            ["work", "by", "ms", "ratio"],
            [row for work in works for row in _rows(work)],
            words=2,
        ),
        f"## Round trip of an empty task from an event loop to a thread and back, µs "
        f"({ROUND_TRIPS} per round)",
        _trips(trips),
    ]


def _meaning(works: list[Work], trips: dict[str, list[RoundTrip]]) -> str:
    alone = threads_of(1)
    against = ", ".join(
        f"{work.name} at {times(ratio(work.times[work.peer], work.times[alone]))} "
        f"the speed of {work.peer}"
        for work in works
    )
    ours, theirs = ([trip.p50 for trip in trips[side]] for side in ("Tercet", "ThreadPoolExecutor"))
    return (
        f"On one thread: {against}. A task that does nothing is back after "
        f"{times(ratio(ours, theirs))} the time that run_in_executor takes."
    )


def _rows(work: Work) -> list[list[str]]:
    base = work.times[work.peer]
    return [
        [work.name, side, spread(summary(found), 2), times(ratio(base, found))]
        for side, found in sorted(work.times.items(), key=lambda item: item[0] != work.peer)
    ]


def _trips(trips: dict[str, list[RoundTrip]]) -> str:
    base = [trip.p50 for trip in trips["ThreadPoolExecutor"]]
    return table(
        ["by", "p50", "p99", "ratio of p50"],
        [
            [
                side,
                spread(summary([trip.p50 for trip in found]), 1),
                spread(summary([trip.p99 for trip in found]), 1),
                times(ratio(base, [trip.p50 for trip in found])),
            ]
            for side, found in trips.items()
        ],
    )
