"""The figures of the cluster's report, and what Tercet is meant for: ahead of Node's cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.cluster import Findings, Outcome
from benchmarks.peers import node_cluster, tercet_serve
from benchmarks.report import spread, times
from benchmarks.rounds import Summary, ratio, summary

OURS = tercet_serve.STRAIGHT.name
OF_US = tuple(
    peer.name for peer in (tercet_serve.STRAIGHT, tercet_serve.GATEWAY, tercet_serve.PRELOADED)
)
THEIRS = node_cluster.PEER.name
NONE = "—"
HEADER = ["figure", "of", "ours", "Node cluster", "times as good", "verdict"]


@dataclass(frozen=True)
class Figure:
    """One number per round.

    Attributes:
        title: With its unit.
        column: The same, shorter.
        values: Of one peer, one per round; none if it was not measured.
        digits: To show.
        more: Whether more is better.
        aim: Whether ours is to be ahead; else it is only stated.
    """

    title: str
    column: str
    values: Callable[[Findings], Sequence[float]]
    digits: int
    more: bool = False
    aim: bool = True


MEMORY = Figure(
    "private memory per idle worker, MiB",
    "MiB per worker",
    lambda found: [weights.worker for weights in found.weights],
    1,
)
WHOLE = Figure(
    "private memory of all processes, MiB",
    "MiB in all",
    lambda found: [weights.whole for weights in found.weights],
    1,
    aim=False,
)
START = Figure("start to first call served, s", "start s", lambda found: found.starts, 2)
SUCCESSOR = Figure(
    "kill -9 to successor serving, s", "successor s", lambda found: found.successors, 2
)
LOST = Figure(
    "calls lost per reload",
    "lost per reload",
    lambda found: [reloads.lost for reloads in found.reloads],
    1,
)
SCALING = Figure(
    "throughput of 2 workers over 1",
    "2 over 1",
    lambda found: [scaling.two.rate / scaling.one.rate for scaling in found.scaling],
    2,
    more=True,
)
FIGURES = (MEMORY, WHOLE, START, SUCCESSOR, LOST, SCALING)


def shown(figure: Figure, found: Findings) -> str:
    values = figure.values(found)
    return spread(summary(values), figure.digits) if values else NONE


def times_as_good(figure: Figure, ours: Findings, theirs: Findings) -> Summary | None:
    """Of the ratios within each round, above 1 where ours is better; None where one is zero."""
    pair = [figure.values(ours), figure.values(theirs)]
    if not all(pair) or not all(map(all, pair)):
        return None
    return ratio(*(pair if figure.more else reversed(pair)))


def reached(outcome: Outcome) -> list[list[str]]:
    """A row for each figure of each way to run ours, beside Node's cluster."""
    return list(_rows(outcome)) if THEIRS in outcome.found else []


def _rows(outcome: Outcome) -> Iterator[list[str]]:
    theirs = outcome.found[THEIRS]
    for figure in FIGURES:
        for name in OF_US:
            ours = outcome.found.get(name)
            if not ours or not figure.values(ours) or not figure.values(theirs):
                continue
            good = times_as_good(figure, ours, theirs)
            yield [
                figure.title,
                name,
                shown(figure, ours),
                shown(figure, theirs),
                f"{times(good)} ({good.low:.2f}–{good.high:.2f})" if good else NONE,  # noqa: RUF001
                _verdict(figure, ours, theirs, good),
            ]


def _verdict(figure: Figure, ours: Findings, theirs: Findings, good: Summary | None) -> str:
    """By the median of the ratios; by the sums where there is a zero, as of calls that are lost."""
    if not figure.aim:
        return "stated"
    if good:
        lead = good.median - 1
    else:
        lead = sum(figure.values(theirs)) - sum(figure.values(ours))
        lead = -lead if figure.more else lead
    if lead == 0:
        return "level"
    return "ahead" if lead > 0 else "BEHIND"
