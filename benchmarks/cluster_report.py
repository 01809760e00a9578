"""The report of `benchmarks.cluster`: how it was measured, what was to be reached, tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmarks import cluster
from benchmarks.callers import CLIENTS, PACE, PROBE
from benchmarks.cluster import Outcome, Reloads
from benchmarks.cluster_figures import (
    FIGURES,
    HEADER,
    NONE,
    OURS,
    SCALING,
    reached,
    shown,
    times_as_good,
)
from benchmarks.columns import disturbances
from benchmarks.report import spread, table, times
from benchmarks.rounds import summary
from benchmarks.trial import QUIET

TARGETS = (
    "Times as good is Node's figure over ours within each round, the other way round for "
    "throughput, and where one is zero the sum over all rounds decides."
)


def paragraphs(outcome: Outcome, machine: str, command: str, scale: float) -> list[str]:
    made = [
        "# The cluster beside other supervisors",
        f"{machine}.",
        f"Command: `{command}`",
        *_who(outcome),
        _method(outcome),
    ]
    if rows := reached(outcome):
        made += ["## Ahead of Node's cluster?", table(HEADER, rows, words=2), TARGETS]
    made += ["## All", _all(outcome)]
    if OURS in outcome.found:
        made += ["How many times as good as theirs Tercet's is, called straight:", _ratios(outcome)]
    if any(found.reloads for found in outcome.found.values()):
        made += ["## Reloads", _reloading(), _reloads(outcome)]
    if any(found.scaling for found in outcome.found.values()):
        made += ["## One worker, two workers", _scaling(scale), *_noise(outcome)]
        made.append(_throughputs(outcome))
    return made


def _who(outcome: Outcome) -> Iterator[str]:
    if outcome.versions:
        notes = {peer.name: peer.note for peer in cluster.PEERS}
        rows = [[name, text, notes[name] or NONE] for name, text in outcome.versions.items()]
        yield table(["peer", "made of", "set up"], rows, words=3)
    if outcome.left_out:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in outcome.left_out.items())
        yield f"**Left out here:** {reasons}."
    if outcome.failures:
        yield f"**Runs that failed, and were made again:** {'; '.join(outcome.failures)}."


def _method(outcome: Outcome) -> str:
    rounds = max((len(found.starts) for found in outcome.found.values()), default=0)
    return (
        f"Each with {cluster.WORKERS} workers that say hello, alone on all CPUs, which its "
        f"clients share; {rounds} interleaved rounds. Figures are the median of the rounds "
        "(lowest–highest), ratios the median of the ratios within each round. Clients are this "  # noqa: RUF001 - see report.spread
        "benchmark's own, one call at a time on a connection, and try nothing again: over gRPC "
        "for Tercet and Node, over HTTP/1.1 with keep-alive for the others, which speak no gRPC "
        "to a servicer; **what those do for a call is less, and so is what they import**. Memory "
        f"is `Private_Clean` + `Private_Dirty` of `/proc/PID/smaps_rollup`, {cluster.SETTLE:g} s "
        "after the workers have answered; in all adds the supervisor's, and of Tercet the "
        "control process's and the gateway's. The start is from exec to the first answer, the "
        "successor from kill -9 of a worker to the first answer with a new pid; both by a fresh "
        f"connection every {PROBE * 1000:g} ms."
    )


def _all(outcome: Outcome) -> str:
    return table(
        ["peer", *(figure.column for figure in FIGURES)],
        [
            [name, *(shown(figure, found) for figure in FIGURES)]
            for name, found in outcome.found.items()
        ],
    )


def _ratios(outcome: Outcome) -> str:
    ours = outcome.found[OURS]
    rows = []
    for name, theirs in outcome.found.items():
        if theirs is not ours:
            found = [times_as_good(figure, ours, theirs) for figure in FIGURES]
            rows.append([name, *(times(good) if good else NONE for good in found)])
    return table(["beside", *(figure.column for figure in FIGURES)], rows)


def _reloading() -> str:
    return (
        f"{CLIENTS} clients, each with a call every {PACE * 1000:g} ms, which waits 5 ms in its "
        f"handler; {cluster.RELOADS} times HUP per round. Calls that were due while another one of "
        "the same client ran are left out, so that a peer which makes clients wait has fewer. A "
        "client takes another connection where GOAWAY, `Connection: close` or the end of the old "
        "one says so before its next call. Lost is each call without an answer: refused, reset, "
        "closed, failed. One that is refused by GOAWAY was not begun: gRPC's own clients, unlike "
        "these, send it once more by themselves. A reload is over when no worker of before it is "
        "left."
    )


def _reloads(outcome: Outcome) -> str:
    rows = []
    for name, found in outcome.found.items():
        if rounds := found.reloads:
            calls = sum(each.calls.calls for each in rounds)
            lost = sum(each.calls.lost.total() for each in rounds)
            took = spread(summary([each.seconds for each in rounds]), 2)
            count = sum(each.count for each in rounds)
            rows.append([name, _reasons(rounds), f"{lost:,}", f"{calls:,}", f"{count}", took])
    return table(["peer", "why", "lost", "of calls", "reloads", "s per reload"], rows, words=2)


def _reasons(rounds: list[Reloads]) -> str:
    total: Counter[str] = sum((each.calls.lost for each in rounds), Counter())
    return ", ".join(f"{count} {kind}" for kind, count in total.most_common()) or NONE


def _scaling(scale: float) -> str:
    return (
        f"{cluster.CONNECTIONS} connections with one call at a time, whose handler computes for "
        f"about 1 ms; {cluster.SECONDS * scale:g} s of h2load. The clients share the CPUs: on "
        "two, h2load takes from the second worker what it needs, so that 2 over 1 stays below "
        "two for all, and a peer whose supervisor or gateway works during calls has less left. A "
        "worker is a process that computes on one CPU at a time; 2 over 1 says nothing of how "
        "fast one is, and the handlers of Node are another language's: compare calls/s within a "
        "peer."
    )


def _noise(outcome: Outcome) -> Iterator[str]:
    scalings = [each for found in outcome.found.values() for each in found.scaling]
    worst = max(run.disturbance for each in scalings for run in (each.one, each.two))
    if worst > QUIET:
        yield (
            f"**Other programs had up to {worst:.0%} of the CPUs: what they leave to one run and "
            "not to another is in 2 over 1.**"
        )


def _throughputs(outcome: Outcome) -> str:
    rows = []
    for name, found in outcome.found.items():
        if found.scaling:
            ones = [scaling.one for scaling in found.scaling]
            twos = [scaling.two for scaling in found.scaling]
            rows.append(
                [
                    name,
                    spread(summary([run.rate for run in ones])),
                    spread(summary([run.rate for run in twos])),
                    shown(SCALING, found),
                    spread(summary([run.p99 for run in twos]), 1),
                    disturbances([*ones, *twos]),
                ]
            )
    return table(
        ["peer", "calls/s by 1", "calls/s by 2", "2 over 1", "p99 ms by 2", "others"], rows
    )
