"""The report of the proxies from made-up runs."""

from __future__ import annotations

import pytest

from benchmarks.peers import envoy_proxy, haproxy, nghttpx, nginx_proxy
from benchmarks.proxies import DIRECT, Outcome
from benchmarks.proxies_report import paragraphs
from benchmarks.proxy_cases import DOWNLOAD, STREAM, UNARY
from benchmarks.proxy_targets import OURS
from benchmarks.trial import Measured

NGHTTPX, HAPROXY, NGINX, ENVOY = (
    module.PROXY.name for module in (nghttpx, haproxy, nginx_proxy, envoy_proxy)
)


def measured(rate: float, cost: float, p99: float = 2.0) -> Measured:
    return Measured(
        rate=rate,
        cost={"gateway": cost - 1, "supervisor": 1.0} if cost else {},
        p50=p99 / 2,
        p99=p99,
        generator_share=0.95,
        disturbance=0.03,
    )


def outcome() -> Outcome:
    made = Outcome(rate=5000)
    costs = {
        UNARY: {OURS: 10, NGHTTPX: 11, HAPROXY: 14, NGINX: 40, ENVOY: 55},
        STREAM: {OURS: 1.25, NGHTTPX: 1, ENVOY: 2},
        DOWNLOAD: {OURS: 500, NGHTTPX: 500, ENVOY: 600},
    }
    for case, proxies in costs.items():
        made.cases[case.key][DIRECT] += [measured(90_000, 0)] * 3
        for name, cost in proxies.items():
            made.cases[case.key][name] += [measured(0.9e6 / cost, cost)] * 3
    p99s = {DIRECT: 1.0, OURS: 1.5, NGHTTPX: 1.4, HAPROXY: 1.75, NGINX: 3.0, ENVOY: 4.0}
    for name, p99 in p99s.items():
        made.steady[name] += [measured(5000, 20, p99)] * 3
    return made


def text(made: Outcome) -> str:
    return "\n\n".join(paragraphs(made, "2 x CPU", "python -m benchmarks proxies", 1.0))


@pytest.mark.parametrize(
    "row",
    [
        f"| {UNARY.title}: CPU | {ENVOY} | 5x | 5.50x (5.50–5.50) | 5.50x | met |",  # noqa: RUF001
        f"| {UNARY.title}: CPU | {NGINX} | 3x | 4.00x (4.00–4.00) | 4.00x | met |",  # noqa: RUF001
        f"| {UNARY.title}: CPU | {HAPROXY} | 1.5x | 1.40x (1.40–1.40) | 1.40x | NOT MET |",  # noqa: RUF001
        f"| {UNARY.title}: CPU | {NGHTTPX} | 1x | 1.10x (1.10–1.10) | 1.10x | met |",  # noqa: RUF001
        f"| {UNARY.title}: CPU | {NGHTTPX} | 1.2x | 1.10x (1.10–1.10) | 1.10x | NOT MET |",  # noqa: RUF001
        f"| {STREAM.title}: CPU | {ENVOY} | 1x | 1.60x (1.60–1.60) | 1.60x | met |",  # noqa: RUF001
        f"| {STREAM.title}: CPU | {NGHTTPX} | 1x | 0.80x (0.80–0.80) | 0.80x | NOT MET |",  # noqa: RUF001
        f"| {DOWNLOAD.title}: CPU | {NGHTTPX} | 1x | 1.00x (1.00–1.00) | 1.00x | met |",  # noqa: RUF001
        f"| {UNARY.title}: added p99 | {HAPROXY} | below | -0.25 (-0.25–-0.25) ms | — | met |",  # noqa: RUF001
        f"| {UNARY.title}: added p99 | {NGHTTPX} | below | 0.10 (0.10–0.10) ms | — | NOT MET |",  # noqa: RUF001
    ],
)
def test_targets_are_judged_by_cpu_time_and_by_latency(row: str) -> None:
    assert row in text(outcome())


def test_what_a_proxy_adds_is_beyond_the_backend_alone() -> None:
    made = text(outcome())
    assert "at 5,000 calls/s" in made
    assert f"| {ENVOY} | 1.50 (1.50–1.50) | 3.00 (3.00–3.00) |" in made  # noqa: RUF001
    assert f"| {DIRECT} | — | — | 0.50" in made


def test_the_share_of_its_core_and_of_the_loads_is_told() -> None:
    row = next(line for line in text(outcome()).splitlines() if line.startswith(f"| {OURS} | 10.0"))
    assert "| 1.00x |" in row
    assert "| 90% | 95% |" in row


def test_a_target_without_its_proxy_is_named() -> None:
    made = outcome()
    for runs in (*made.cases.values(), made.steady):
        runs.pop(ENVOY, None)
    made.left_out[ENVOY] = "`python -m` failed"
    assert f"**Left out here:** {ENVOY}: `python -m` failed." in text(made)
    assert f"| {UNARY.title}: CPU | {ENVOY} | 5x | — | — | NOT MEASURED |" in text(made)
    assert f"| {UNARY.title}: added p99 | {ENVOY} | below | — | — | NOT MEASURED |" in text(made)


def test_without_ours_costs_are_still_told() -> None:
    made = outcome()
    for runs in (*made.cases.values(), made.steady):
        del runs[OURS]
    assert f"| {HAPROXY} | 14.0 (14.0–14.0) | — |" in text(made)  # noqa: RUF001
    assert "NOT MET" not in text(made).replace("NOT MEASURED", "")
