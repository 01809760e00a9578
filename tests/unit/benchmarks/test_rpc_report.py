"""The report from made-up runs."""

from __future__ import annotations

import pytest

from benchmarks.cases import BIG, STREAM, UNARY, UNARY_TLS
from benchmarks.footprint import Footprint
from benchmarks.peers import grpc_aio, grpc_go, native, nginx, node_http
from benchmarks.rpc import Outcome
from benchmarks.rpc_report import paragraphs
from benchmarks.trial import Measured

NATIVE, AIO, HTTP, GO = (module.PEER.name for module in (native, grpc_aio, node_http, grpc_go))


def measured(rate: float, *, share: float = 0.3) -> Measured:
    return Measured(
        rate=rate,
        cost={"server": 1e6 / rate},
        p50=1.0,
        p99=2.0,
        generator_share=share,
        disturbance=0.03,
    )


def outcome(*, share: float = 0.3) -> Outcome:
    made = Outcome()
    rates = {
        UNARY: {NATIVE: 60_000, AIO: 5000, HTTP: 20_000, GO: 40_000},
        STREAM: {NATIVE: 500_000, AIO: 40_000},
        BIG: {NATIVE: 1000, AIO: 250},
    }
    for case, peers in rates.items():
        for name, rate in peers.items():
            made.cases[case.key][name] += [measured(rate, share=share)] * 3
    made.half[NATIVE] += [measured(30_000)] * 3
    made.idle[NATIVE] = Footprint(40, 12.5)
    made.versions[GO] = "Go 1.2"
    return made


def text(made: Outcome) -> str:
    return "\n\n".join(paragraphs(made, "2 x CPU", "python -m benchmarks rpc", 1.0))


@pytest.mark.parametrize(
    "row",
    [
        f"| {UNARY.title} | {AIO} | 15x | 12.00x (12.00–12.00) | 12.00x | MISSED |",  # noqa: RUF001
        f"| {UNARY.title} | {HTTP} | 2.5x | 3.00x (3.00–3.00) | 3.00x | reached |",  # noqa: RUF001
        f"| {UNARY.title} | {GO} | — | 1.50x (1.50–1.50) | 1.50x | stated |",  # noqa: RUF001
        f"| {STREAM.title} | {AIO} | 10x | 12.50x (12.50–12.50) | 12.50x | reached |",  # noqa: RUF001
        f"| {BIG.title} | {AIO} | 2x | 4.00x (4.00–4.00) | 4.00x | reached |",  # noqa: RUF001
    ],
)
def test_targets_are_judged_by_the_rate(row: str) -> None:
    assert row in text(outcome())


def test_a_target_that_was_not_measured_is_left_out() -> None:
    made = outcome()
    del made.cases[UNARY.key][HTTP]
    assert "2.5x" not in text(made)


def test_without_a_target_there_is_no_table_of_them() -> None:
    made = Outcome()
    made.cases[STREAM.key][NATIVE] += [measured(5000)]
    assert "## Targets" not in text(made)


def test_payloads_are_in_gigabytes() -> None:
    # 1000 MiB/s.
    assert f"| {NATIVE} | 1.05 (1.05–1.05) | 1.00x | 1,000 " in text(outcome())  # noqa: RUF001


def test_cheap_messages_keep_their_digits() -> None:
    assert f"| {NATIVE} | 500,000 (500,000–500,000) | 1.00x | 2.00 (2" in text(outcome())  # noqa: RUF001


def test_a_saturated_generator_is_told() -> None:
    assert "95% of a core, so IT IS SATURATED" in text(outcome(share=0.95))
    assert "it is not the bottleneck" in text(outcome())


def test_memory_is_told() -> None:
    assert f"| {NATIVE} | 40 | 12.5 |" in text(outcome())


def test_who_was_left_out_is_told_with_the_reason() -> None:
    made = outcome()
    assert "Left out" not in text(made)
    assert f"{GO}: Go 1.2" in text(made)
    made.left_out["grpc-js"] = "npm is not installed"
    assert "**Left out here:** grpc-js: npm is not installed." in text(made)


def test_failures_are_told() -> None:
    made = outcome()
    assert "failed" not in text(made)
    made.failures.append("grpc-go: 3 failed")
    assert "made again:** grpc-go: 3 failed." in text(made)


def test_over_tls_ours_is_the_one_with_tls() -> None:
    made = outcome()
    made.cases[UNARY_TLS.key] |= {
        native.SECURED.name: [measured(40_000)],
        nginx.PEER.name: [measured(10_000)],
    }
    told = f"| {UNARY_TLS.title} | {nginx.PEER.name} | — | 4.00x (4.00–4.00) | 4.00x | stated |"  # noqa: RUF001
    assert told in text(made)
    assert f"| {nginx.PEER.name} | 10,000 (10,000–10,000) | 4.00x |" in text(made)  # noqa: RUF001


def test_without_ours_there_are_no_ratios() -> None:
    made = Outcome()
    made.cases[UNARY.key][AIO] += [measured(5000)]
    assert f"| {AIO} | 5,000 (5,000–5,000) | — |" in text(made)  # noqa: RUF001


def test_memory_alone_is_a_report() -> None:
    made = Outcome(idle={NATIVE: Footprint(40, 12.5)})
    assert "## Memory" in text(made)
    assert "## Targets" not in text(made)
