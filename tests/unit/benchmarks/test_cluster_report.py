"""The report of the cluster from made-up findings."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.callers import Tally
from benchmarks.cluster import Findings, Outcome, Reloads, Scaling, Weights
from benchmarks.cluster_figures import OURS, THEIRS
from benchmarks.cluster_report import paragraphs
from benchmarks.peers import asgi_servers, tercet_serve
from benchmarks.trial import Measured

GATEWAY, GRANIAN = tercet_serve.GATEWAY.name, asgi_servers.GRANIAN.name


def measured(rate: float, disturbance: float = 0.01) -> Measured:
    return Measured(rate=rate, cost={}, p50=1, p99=2, generator_share=0, disturbance=disturbance)


def findings(
    memory: float, start: float, successor: float, lost: int, over: float, rounds: int = 2
) -> Findings:
    calls = Tally(answered=1000 - lost, lost=Counter({"connection reset": lost} if lost else {}))
    return Findings(
        starts=[start] * rounds,
        weights=[Weights(memory, 3 * memory)] * rounds,
        successors=[successor] * rounds,
        reloads=[Reloads(calls, 2, 1.5)] * rounds,
        scaling=[Scaling(measured(500), measured(500 * over))] * rounds,
    )


def outcome() -> Outcome:
    made = Outcome()
    made.found[OURS] = findings(20, 0.5, 0.25, 0, 1.5)
    made.found[GATEWAY] = findings(20, 1.0, 0.25, 4, 1.5)
    made.found[THEIRS] = findings(25, 0.75, 0.25, 3, 1.8)
    made.found[GRANIAN] = findings(5, 0.25, 0.5, 0, 1.6)
    return made


def text(made: Outcome) -> str:
    return "\n\n".join(paragraphs(made, "2 x CPU", "python -m benchmarks cluster", 1.0))


@pytest.mark.parametrize(
    "row",
    [
        f"| private memory per idle worker, MiB | {OURS} | 20.0 (20.0–20.0) | 25.0 (25.0–25.0) | 1.25x (1.25–1.25) | ahead |",  # noqa: E501, RUF001
        f"| private memory of all processes, MiB | {OURS} | 60.0 (60.0–60.0) | 75.0 (75.0–75.0) | 1.25x (1.25–1.25) | stated |",  # noqa: E501, RUF001
        f"| start to first call served, s | {OURS} | 0.50 (0.50–0.50) | 0.75 (0.75–0.75) | 1.50x (1.50–1.50) | ahead |",  # noqa: E501, RUF001
        f"| start to first call served, s | {GATEWAY} | 1.00 (1.00–1.00) | 0.75 (0.75–0.75) | 0.75x (0.75–0.75) | BEHIND |",  # noqa: E501, RUF001
        f"| kill -9 to successor serving, s | {OURS} | 0.25 (0.25–0.25) | 0.25 (0.25–0.25) | 1.00x (1.00–1.00) | level |",  # noqa: E501, RUF001
        f"| calls lost per reload | {OURS} | 0.0 (0.0–0.0) | 1.5 (1.5–1.5) | — | ahead |",  # noqa: RUF001
        f"| calls lost per reload | {GATEWAY} | 2.0 (2.0–2.0) | 1.5 (1.5–1.5) | 0.75x (0.75–0.75) | BEHIND |",  # noqa: E501, RUF001
        f"| throughput of 2 workers over 1 | {OURS} | 1.50 (1.50–1.50) | 1.80 (1.80–1.80) | 0.83x (0.83–0.83) | BEHIND |",  # noqa: E501, RUF001
    ],
)
def test_each_figure_is_judged_beside_nodes_cluster(row: str) -> None:
    assert row in text(outcome())


def test_two_without_a_lost_call_are_level() -> None:
    made = outcome()
    made.found[THEIRS].reloads = made.found[OURS].reloads
    row = f"| calls lost per reload | {OURS} | 0.0 (0.0–0.0) | 0.0 (0.0–0.0) | — | level |"  # noqa: RUF001
    assert row in text(made)


def test_all_are_shown_beside_ours() -> None:
    assert f"| {GRANIAN} | 0.25x | 0.25x | 0.50x | 2.00x | — | 0.94x |" in text(outcome())


def test_lost_calls_are_told_with_their_reasons() -> None:
    row = f"| {THEIRS} | 6 connection reset | 6 | 2,000 | 4 | 1.50 (1.50–1.50) |"  # noqa: RUF001
    assert row in text(outcome())


def test_without_node_there_is_nothing_to_be_ahead_of() -> None:
    made = outcome()
    del made.found[THEIRS]
    made.left_out[THEIRS] = "node is not installed"
    said = text(made)
    assert f"**Left out here:** {THEIRS}: node is not installed." in said
    assert "Ahead of" not in said
    assert f"| {GRANIAN} | 5.0 (5.0–5.0)" in said  # noqa: RUF001


def test_what_was_not_measured_has_no_table() -> None:
    made = Outcome()
    made.found[OURS] = Findings(starts=[0.5])
    made.found[THEIRS] = Findings(starts=[1.0])
    said = text(made)
    assert "## Reloads" not in said
    assert "## One worker" not in said
    assert f"| {OURS} | — | — | 0.50 (0.50–0.50) | — | — | — |" in said  # noqa: RUF001


def test_a_machine_with_other_work_is_told_of() -> None:
    made = outcome()
    assert "Other programs had" not in text(made)
    made.found[GRANIAN].scaling[-1] = Scaling(measured(500), measured(600, 0.25))
    assert "**Other programs had up to 25% of the CPUs" in text(made)
