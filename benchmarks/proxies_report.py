"""The report of `benchmarks.proxies`: how it was measured, what was to be reached, tables."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import proxy_targets
from benchmarks.cases import MIB, SMALL, STREAM_LENGTH, Case
from benchmarks.columns import GENERATOR_LIMIT, Figure, disturbances, median, ratio_of
from benchmarks.proxies import DIRECT, Outcome
from benchmarks.proxy_cases import CASES, STREAM, UNARY, UNARY_SIZE
from benchmarks.proxy_targets import OURS
from benchmarks.report import spread, table, times
from benchmarks.rounds import Summary, summary
from benchmarks.trial import QUIET, Measured, Runs

NONE = "—"
NOTES = {
    "stream": f"{STREAM.load.connections} connections with {STREAM.load.in_flight} streams of "
    f"{STREAM_LENGTH} messages of {SMALL} bytes at once; the backend sends each message in a DATA "
    "frame of its own, in turn with those of the other streams.",
    "download": "One connection with one call at a time, whose answer is one message.",
    "echo": "One connection with one call at a time. A byte counts once, and passes the proxy "
    "both ways.",
}
TARGETS = (
    "CPU is how many times ours the other proxy's time per call, message or MiB is, which decides; "
    "rate how many times the other's ours is, which the load's core may bound. Of the p99 it is "
    "ours less the other's, in the same round at the same rate."
)
# Digits of a rate and of a cost.
DIGITS = {"call": (0, 1), "message": (0, 2), "MiB": (2, 0)}


def paragraphs(outcome: Outcome, machine: str, command: str, scale: float) -> list[str]:
    made = [
        "# The gateway beside other proxies",
        f"{machine}.",
        f"Command: `{command}`",
        *_who(outcome),
        _method(outcome, scale),
    ]
    if rows := proxy_targets.reached(outcome):
        made += ["## Targets", table(proxy_targets.HEADER, rows, words=2), TARGETS]
    for case in CASES:
        if case.key in outcome.cases:
            note = [NOTES[case.key]] if case.key in NOTES else []
            made += [f"## {case.title}", *note, _table(case, outcome.cases[case.key])]
        if case is UNARY and outcome.steady:
            made += [
                f"## {case.title}, at {outcome.rate:,.0f} calls/s",
                "The same rate for all, half of what the slowest reached; h2load offers each "
                "connection's share of it in bursts, every 10 ms. Added is a percentile less that "
                f"of the same round {DIRECT}.",
                _latency(outcome.steady),
            ]
    return made


def _who(outcome: Outcome) -> Iterator[str]:
    if outcome.versions:
        yield f"Measured: {', '.join(outcome.versions.values())}."
    if outcome.left_out:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in outcome.left_out.items())
        yield f"**Left out here:** {reasons}."
    if outcome.failures:
        yield f"**Runs that failed, and were made again:** {'; '.join(outcome.failures)}."


def _method(outcome: Outcome, scale: float) -> str:
    kinds = [*outcome.cases.values(), outcome.steady]
    rounds = max((len(found) for kind in kinds for found in kind.values()), default=0)
    load = UNARY.load
    return (
        "Each proxy with one worker, in the clear and over HTTP/2 on both sides, pinned to one "
        "core; h2load and the backend, `benchmarks/peers/backend.py`, share another. All have the "
        f"same backend. Small calls: {load.connections} connections with {load.in_flight} calls in "
        f"flight each. {rounds} interleaved rounds, {load.seconds * scale:g} s of calls of "
        f"{UNARY_SIZE} bytes and less of the other loads, after a warm-up. Figures are the median "
        "of the rounds (lowest–highest), "  # noqa: RUF001 - see report.spread
        "ratios the median of the ratios within each round. CPU is user + system time of all "
        "processes of the proxy from `/proc/PID/stat`, over the run. Its core is the share of a "
        "core that the proxy used, the load's that of h2load and the backend together: "
        f"**where the load's is above {GENERATOR_LIMIT:.0%} it bounds the rate, and the proxy had "
        "time left**; then CPU is what to read. Others is the share of both cores' time that "
        f"other programs had; a run where it was above {QUIET:.0%} was made again once, and the "
        "less disturbed one taken."
    )


def _table(case: Case, runs: Runs) -> str:
    rate = "GB/s" if case.unit == "MiB" else f"{case.unit}s/s"
    digits, fine = DIGITS[case.unit]
    cost = f"CPU µs/{case.unit}"
    return table(
        [
            "proxy",
            cost,
            "times ours",
            rate,
            "its core",
            "load's core",
            "p50 ms",
            "p99 ms",
            "others",
        ],
        [
            [
                name,
                NONE if name == DIRECT else spread(_of(found, lambda run: run.total_cost), fine),
                _ratio(runs, name),
                spread(_of(found, lambda run: _rate(case, run)), digits),
                NONE if name == DIRECT else f"{median(found, _share):.0%}",
                f"{median(found, lambda run: run.generator_share):.0%}",
                spread(_of(found, lambda run: run.p50), 2),
                spread(_of(found, lambda run: run.p99), 2),
                disturbances(found),
            ]
            for name, found in runs.items()
        ],
    )


def _latency(runs: Runs) -> str:
    return table(
        ["proxy", "added p50 ms", "added p99 ms", "p50 ms", "p99 ms", "CPU µs/call", "others"],
        [
            [
                name,
                *_added(runs, name),
                spread(_of(found, lambda run: run.p50), 2),
                spread(_of(found, lambda run: run.p99), 2),
                NONE if name == DIRECT else spread(_of(found, lambda run: run.total_cost), 1),
                disturbances(found),
            ]
            for name, found in runs.items()
        ],
    )


def _added(runs: Runs, name: str) -> list[str]:
    """To p50 and p99."""
    if name == DIRECT:
        return [NONE, NONE]
    pairs = list(zip(runs[name], runs[DIRECT], strict=True))
    return [
        spread(summary([through.p50 - straight.p50 for through, straight in pairs]), 2),
        spread(summary([through.p99 - straight.p99 for through, straight in pairs]), 2),
    ]


def _of(runs: list[Measured], figure: Figure) -> Summary:
    return summary([figure(run) for run in runs])


def _share(run: Measured) -> float:
    """Of its core, that a proxy has used."""
    return run.rate * run.total_cost / 1e6


def _rate(case: Case, run: Measured) -> float:
    return run.rate * MIB / 1e9 if case.unit == "MiB" else run.rate


def _ratio(runs: Runs, name: str) -> str:
    if name == DIRECT or OURS not in runs:
        return NONE
    return times(ratio_of(runs, name, OURS, lambda run: run.total_cost))
