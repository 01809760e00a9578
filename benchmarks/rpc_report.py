"""The report of `benchmarks.rpc`: how it was measured, tables, what was to be reached."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import footprint, targets
from benchmarks.cases import BIG, CASES, CONNECTIONS, MIB, SMALL, STREAM_LENGTH, UNARY, Case
from benchmarks.columns import disturbances, generator, median, ratio_of
from benchmarks.report import spread, table, times
from benchmarks.rounds import summary
from benchmarks.rpc import Outcome
from benchmarks.trial import QUIET, Measured, Runs

NOTES = {
    "unary": "Over HTTP/1.1 there is one call in flight on each connection, so it has as many "
    "connections as the others have calls.",
    "stream": f"Messages of streams of {STREAM_LENGTH}, each of {SMALL} bytes and made anew.",
    "bidi": f"{STREAM_LENGTH} messages of {SMALL} bytes go to the server together, as from a "
    "client that does not wait for answers; each is answered. Counted are the answers.",
    "1mib": "A byte counts once, and travels both ways.",
    "64mib": f"{BIG.load.connections} connections with one call each. A byte counts once, and "
    "travels both ways.",
    "connections": f"{CONNECTIONS.load.connections} are opened at once, make one call of "
    f"{SMALL} bytes and close; then again.",
    "unary-tls": "Clients show no certificates; the cipher is what h2load and the peer agree on. "
    "nginx and what is behind it are both on the one core, and the CPU time of both counts.",
    "connections-tls": "Each with a whole handshake, and a key of P-256: h2load resumes no "
    "session.",
}

TARGETS = (
    "Rate is how many times the peer's ours is, which decides; CPU how many times ours the peer's "
    "time per call, message or MiB is, which other programs disturb less."
)
# Digits of a rate and of a cost.
DIGITS = {"call": (0, 1), "message": (0, 2), "MiB": (2, 0), "connection": (0, 0)}


def paragraphs(outcome: Outcome, machine: str, command: str, scale: float) -> list[str]:
    made = [
        "# The native engine beside other servers",
        f"{machine}.",
        f"Command: `{command}`",
        *_peers(outcome),
    ]
    if outcome.cases:
        made += [_method(outcome, scale), *_failures(outcome)]
    if rows := targets.reached(outcome.cases):
        made += ["## Targets", table(targets.HEADER, rows, words=2), TARGETS]
    for case in CASES:
        if case.key in outcome.cases:
            made += [f"## {case.title}", NOTES[case.key], _table(case, outcome.cases[case.key])]
        if case is UNARY and outcome.half:
            made += [
                f"## {case.title}, at half of each one's own saturation",
                "A rate is offered here, not found: latency is what to read.",
                _half(outcome.half),
            ]
    if outcome.idle:
        made += ["## Memory", _memory(outcome), _memory_note()]
    return made


def _peers(outcome: Outcome) -> Iterator[str]:
    if outcome.versions:
        made = "; ".join(f"{name}: {text}" for name, text in outcome.versions.items())
        yield f"Peers beside this environment's: {made}."
    if outcome.left_out:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in outcome.left_out.items())
        yield f"**Left out here:** {reasons}."


def _failures(outcome: Outcome) -> Iterator[str]:
    if outcome.failures:
        yield f"**Runs that failed, and were made again:** {'; '.join(outcome.failures)}."


def _method(outcome: Outcome, scale: float) -> str:
    kinds = [*outcome.cases.values(), outcome.half]
    runs = [run for kind in kinds for found in kind.values() for run in found]
    rounds = max(len(found) for kind in kinds for found in kind.values())
    load = UNARY.load
    return (
        "The contract of `benchmarks/echo` with real protobuf messages, in one process per peer, "
        "fresh for each load, called over loopback TCP by h2load: "
        f"{load.connections} connections with {load.in_flight} calls in flight each for small "
        "calls. The peer is pinned to one core, h2load to another; "
        f"{generator(runs)}. {rounds} interleaved rounds, {load.seconds * scale:g} s of unary "
        "calls and less of the other loads, after a warm-up. Figures are the median "
        "of the rounds (lowest–highest), "  # noqa: RUF001 - see report.spread
        "ratios the median of the ratios within each round: how many times a peer's rate ours is. "
        "CPU is user + system time of the process from `/proc/PID/stat`, over the run. h2load is "
        "its own share of its core. Others is the share of the measured core's time that other "
        f"programs had; a run where it was above {QUIET:.0%} was made again once, and the less "
        "disturbed one taken."
    )


def _table(case: Case, runs: Runs) -> str:
    rate = "GB/s" if case.unit == "MiB" else f"{case.unit}s/s"
    digits, fine = DIGITS[case.unit]
    return table(
        ["peer", rate, "ours is", f"CPU µs/{case.unit}", "p50 ms", "p99 ms", "h2load", "others"],
        [
            [
                name,
                spread(summary([_rate(case, run) for run in found]), digits),
                _ratio(runs, targets.ours_of(case).name, name),
                spread(summary([run.total_cost for run in found]), fine),
                *_latency(found),
                f"{median(found, lambda run: 100 * run.generator_share):.0f} %",
                disturbances(found),
            ]
            for name, found in runs.items()
        ],
    )


def _half(runs: Runs) -> str:
    return table(
        ["peer", "calls/s", "CPU µs/call", "p50 ms", "p99 ms", "others"],
        [
            [
                name,
                spread(summary([run.rate for run in found])),
                spread(summary([run.total_cost for run in found]), 1),
                *_latency(found),
                disturbances(found),
            ]
            for name, found in runs.items()
        ],
    )


def _rate(case: Case, run: Measured) -> float:
    return run.rate * MIB / 1e9 if case.unit == "MiB" else run.rate


def _ratio(runs: Runs, ours: str, name: str) -> str:
    if ours not in runs:
        return "—"
    return times(ratio_of(runs, ours, name, lambda run: run.rate))


def _latency(runs: list[Measured]) -> list[str]:
    return [
        spread(summary([run.p50 for run in runs]), 2),
        spread(summary([run.p99 for run in runs]), 2),
    ]


def _memory(outcome: Outcome) -> str:
    return table(
        ["peer", "process, MiB", "idle connection, KiB"],
        [
            [name, f"{found.process:.0f}", f"{found.connection:.1f}"]
            for name, found in outcome.idle.items()
        ],
    )


def _memory_note() -> str:
    return (
        "RSS, each peer alone, after half a second of small calls; what "
        f"{footprint.CONNECTIONS} connections that have exchanged settings, or over HTTP/1.1 have "
        "only been opened, add to it. Memory that the calls had left free is used first, so a few "
        "KiB may be hidden."
    )
