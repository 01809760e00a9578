"""Columns that several reports have, made from the runs of one peer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.report import spread
from benchmarks.rounds import Summary, ratio, summary
from benchmarks.trial import Measured, Runs

# Above it, what is measured may be the load generator.
GENERATOR_LIMIT = 0.9
# Roles that spend less are left out: the supervisor and the control process.
NEGLIGIBLE = 1.0

Figure = Callable[[Measured], float]


def costs(runs: Sequence[Measured]) -> str:
    medians = {role: summary([run.cost[role] for run in runs]) for role in runs[0].cost}
    return ", ".join(
        f"{role} {spread(cost)}" for role, cost in medians.items() if cost.median >= NEGLIGIBLE
    )


def disturbances(runs: Sequence[Measured]) -> str:
    return f"{spread(summary([100 * run.disturbance for run in runs]))} %"


def ratio_of(runs: Runs, name: str, base: str, figure: Figure) -> Summary:
    return ratio([figure(run) for run in runs[name]], [figure(run) for run in runs[base]])


def median(runs: Sequence[Measured], figure: Figure) -> float:
    return summary([figure(run) for run in runs]).median


def generator(runs: Sequence[Measured]) -> str:
    """Whether the load generator was the bottleneck of any of these runs."""
    busiest = max(run.generator_share for run in runs)
    verdict = "it is not the bottleneck" if busiest < GENERATOR_LIMIT else "IT IS SATURATED"
    return f"h2load used at most {busiest:.0%} of a core, so {verdict}"
