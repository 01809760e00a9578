"""The report from made-up runs: figures stand where they belong, and words follow them."""

from __future__ import annotations

import pytest

from benchmarks.gateway import PEERS, SCALE, Outcome
from benchmarks.gateway_report import paragraphs
from benchmarks.memory import Weight
from benchmarks.trial import Measured


def measured(rate: float, *, share: float = 0.3, **cost: float) -> Measured:
    return Measured(rate=rate, cost=cost, p50=1.0, p99=2.0, generator_share=share, disturbance=0.03)


def outcome(*, share: float = 0.3) -> Outcome:
    made = Outcome(cpus=2)
    runs = {
        PEERS[0].name: measured(4000, share=share, server=250),
        PEERS[1].name: measured(3000, worker=300, supervisor=0.2),
        PEERS[2].name: measured(1000, worker=250, gateway=750),
        PEERS[3].name: measured(40_000, worker=25, supervisor=0.2),
    }
    for name, run in runs.items():
        for kind in (made.saturated, made.half, made.stream):
            kind[name] += [run, run, run]
        made.idle[name] = {role: Weight(40, 20, 15) for role in run.cost}
    made.scale[SCALE[0].name] += [measured(1500, worker=250, gateway=750)] * 3
    made.scale[SCALE[1].name] += [measured(3000, worker=250, gateway=750)] * 3
    return made


@pytest.fixture
def text() -> str:
    return "\n\n".join(paragraphs(outcome(), "2 x CPU", "python -m benchmarks", 1.0))


def test_ratios_are_to_bare_grpc_aio(text: str) -> None:
    assert "| bare grpc.aio | 4,000 (4,000–4,000) | 1.00x |" in text  # noqa: RUF001
    assert "| straight to a worker | 3,000 (3,000–3,000) | 0.75x |" in text  # noqa: RUF001
    assert "1.20x the CPU per call" in text
    assert "a call costs 4.00x the CPU" in text
    assert "uses 750 µs of it (75%)" in text


def test_scale_is_relative_to_one_worker(text: str) -> None:
    assert "two give 2.00 (2.00–2.00)" in text  # noqa: RUF001
    # 1500 calls/s of 750 us.
    assert "uses 1.12 of the 2 cores" in text


def test_who_does_nothing_for_a_call_is_left_out_of_its_cost(text: str) -> None:
    assert "supervisor 0" not in text
    assert "| straight to a worker | supervisor | 40 | 20 |" in text


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.5, "it is not the bottleneck"), (0.95, "IT IS SATURATED")]
)
def test_a_saturated_generator_is_told(share: float, verdict: str) -> None:
    text = "\n\n".join(paragraphs(outcome(share=share), "2 x CPU", "command", 1.0))
    assert f"{share:.0%} of a core, so {verdict}" in text


def test_the_share_of_other_programs_is_told(text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith("| bare grpc.aio | 4,000")]
    assert len(rows) == 3
    assert all(row.endswith("| 3 (3–3) % |") for row in rows)  # noqa: RUF001
