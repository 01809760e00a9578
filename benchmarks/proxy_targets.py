"""What the gateway is meant to reach beside other proxies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cases import Case
from benchmarks.columns import ratio_of
from benchmarks.peers import envoy_proxy, haproxy, nghttpx, nginx_proxy, tercet_proxy
from benchmarks.peers.proxy import Proxy
from benchmarks.proxies import Outcome
from benchmarks.proxy_cases import DOWNLOAD, ECHO, STREAM, UNARY
from benchmarks.report import spread, times
from benchmarks.rounds import summary
from benchmarks.trial import Runs

OURS = tercet_proxy.PROXY.name


@dataclass(frozen=True)
class Target:
    """A ratio of CPU time per call, message or byte: theirs to ours."""

    case: Case
    proxy: Proxy
    least: float


TARGETS = (
    Target(UNARY, envoy_proxy.PROXY, 5),
    Target(UNARY, nginx_proxy.PROXY, 3),
    Target(UNARY, haproxy.PROXY, 1.5),
    Target(UNARY, nghttpx.PROXY, 1),
    Target(UNARY, nghttpx.PROXY, 1.2),
    Target(STREAM, envoy_proxy.PROXY, 1),
    Target(STREAM, nghttpx.PROXY, 1),
    Target(DOWNLOAD, envoy_proxy.PROXY, 1),
    Target(DOWNLOAD, nghttpx.PROXY, 1),
    Target(ECHO, envoy_proxy.PROXY, 1),
    Target(ECHO, nghttpx.PROXY, 1),
)
# Our 99th percentile is to be below that of each, at the same rate.
SLOWER = (nghttpx.PROXY, haproxy.PROXY, nginx_proxy.PROXY, envoy_proxy.PROXY)
HEADER = ["load", "beside", "target", "found", "rate", "verdict"]


def reached(outcome: Outcome) -> list[list[str]]:
    """A row for each target of what was measured; one whose proxy was not says so."""
    return [*_costs(outcome), *_latencies(outcome)]


def _costs(outcome: Outcome) -> Iterator[list[str]]:
    for target in TARGETS:
        runs = outcome.cases.get(target.case.key)
        if not runs:
            continue
        row = [f"{target.case.title}: CPU", target.proxy.name, f"{target.least:g}x"]
        if _lacks(runs, target.proxy):
            yield [*row, "—", "—", "NOT MEASURED"]
            continue
        cost = ratio_of(runs, target.proxy.name, OURS, lambda run: run.total_cost)
        rate = ratio_of(runs, OURS, target.proxy.name, lambda run: run.rate)
        verdict = _verdict(cost.median >= target.least)
        yield [*row, f"{times(cost)} ({cost.low:.2f}–{cost.high:.2f})", times(rate), verdict]  # noqa: RUF001


def _latencies(outcome: Outcome) -> Iterator[list[str]]:
    runs = outcome.steady
    for proxy in SLOWER if runs else ():
        row = [f"{UNARY.title}: added p99", proxy.name, "below"]
        if _lacks(runs, proxy):
            yield [*row, "—", "—", "NOT MEASURED"]
            continue
        # What the backend and the load generator take is in both.
        more = summary(
            [
                ours.p99 - theirs.p99
                for ours, theirs in zip(runs[OURS], runs[proxy.name], strict=True)
            ]
        )
        yield [*row, f"{spread(more, 2)} ms", "—", _verdict(more.median < 0)]


def _lacks(runs: Runs, proxy: Proxy) -> bool:
    return OURS not in runs or proxy.name not in runs


def _verdict(met: bool) -> str:
    return "met" if met else "NOT MET"
