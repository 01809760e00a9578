"""What the native engine is meant to reach beside other servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks import cases
from benchmarks.cases import Case
from benchmarks.columns import ratio_of
from benchmarks.peers import grpc_aio, grpc_go, grpc_js, native, nginx, node_http
from benchmarks.peers.echo import EchoPeer
from benchmarks.report import times
from benchmarks.trial import Runs


@dataclass(frozen=True)
class Target:
    """A ratio of rates, ours to another's.

    Attributes:
        least: None where the ratio is only stated.
    """

    case: Case
    peer: EchoPeer
    least: float | None


TARGETS = (
    Target(cases.UNARY, grpc_aio.PEER, 15),
    Target(cases.UNARY, grpc_js.PEER, 7),
    Target(cases.UNARY, node_http.PEER, 2.5),
    Target(cases.UNARY, grpc_go.PEER, None),
    Target(cases.STREAM, grpc_aio.PEER, 10),
    Target(cases.BIDI, grpc_aio.PEER, 10),
    Target(cases.ONE_MIB, grpc_aio.PEER, 2),
    Target(cases.BIG, grpc_aio.PEER, 2),
    Target(cases.UNARY_TLS, grpc_aio.SECURED, None),
    Target(cases.UNARY_TLS, nginx.PEER, None),
    Target(cases.CONNECTIONS_TLS, grpc_aio.SECURED, None),
    Target(cases.CONNECTIONS_TLS, nginx.PEER, None),
)
HEADER = ["load", "beside", "target", "rate", "CPU", "verdict"]


def ours_of(case: Case) -> EchoPeer:
    """The peer that is the native engine in a load."""
    return native.SECURED if case.load.tls else native.PEER


def reached(found: Mapping[str, Runs]) -> list[list[str]]:
    """A row for each target that was measured: how many times the peer's rate ours is, and how
    many times our CPU time per call or byte the peer's is.

    Args:
        found: Runs by the key of the case.
    """
    return [row for target in TARGETS for row in _rows(target, found.get(target.case.key, {}))]


def _rows(target: Target, runs: Runs) -> list[list[str]]:
    ours, theirs = ours_of(target.case).name, target.peer.name
    if ours not in runs or theirs not in runs:
        return []
    ratio = ratio_of(runs, ours, theirs, lambda run: run.rate)
    cost = ratio_of(runs, theirs, ours, lambda run: run.total_cost)
    if target.least is None:
        wanted, verdict = "—", "stated"
    else:
        wanted = f"{target.least:g}x"
        verdict = "reached" if ratio.median >= target.least else "MISSED"
    return [
        [
            target.case.title,
            theirs,
            wanted,
            f"{times(ratio)} ({ratio.low:.2f}–{ratio.high:.2f})",  # noqa: RUF001
            times(cost),
            verdict,
        ]
    ]
