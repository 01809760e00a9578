"""Who is left out, and the rate that all are given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import pytest

from benchmarks import proxies, trial
from benchmarks.install import Missing
from benchmarks.load import Load
from benchmarks.peers import Running, backend
from benchmarks.peers.proxy import Before, Configured, Tool
from benchmarks.proxies import DIRECT
from benchmarks.proxy_cases import STEADY, STREAM, UNARY
from benchmarks.trial import Measured


def found(rate: float) -> Measured:
    return Measured(rate=rate, cost={}, p50=1, p99=1, generator_share=0, disturbance=0)


def proxy(name: str) -> Configured:
    return Configured(name, name, lambda: Tool(name, f"{name} 1.0"), lambda path, route: [path])


def test_a_proxy_that_is_missing_is_left_out_by_name() -> None:
    def missing() -> Tool:
        raise Missing("haproxy is not installed")

    said: list[str] = []
    gone = Configured("haproxy", "HAProxy", missing, lambda path, route: [path])
    outcome = proxies.measure(1, 1.0, said.append, [gone], [])
    assert outcome.left_out == {"HAProxy": "haproxy is not installed"}
    assert said == ["HAProxy is left out: haproxy is not installed"]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Load]]:
    """What was run, of whom; nothing runs."""
    made: list[tuple[str, Load]] = []
    rates = {DIRECT: 90_000.0, "fast": 60_000.0, "slow": 10_000.0}

    @contextlib.contextmanager
    def start(self: object, cpus: set[int]) -> Iterator[Running]:
        yield Running("127.0.0.1:1", {})

    @contextlib.contextmanager
    def all_started(
        peers: Sequence[Before], cpus: set[int]
    ) -> Iterator[list[tuple[Before, Running]]]:
        yield [(peer, Running(peer.name, {})) for peer in peers]

    def run(what: Load, running: Running, *_: object) -> Measured:
        made.append((running.address, what))
        return found(what.rate or rates[running.address])

    monkeypatch.setattr(type(backend.PEER), "start", start)
    monkeypatch.setattr(trial, "all_started", all_started)
    monkeypatch.setattr(trial, "run", run)
    monkeypatch.setattr(trial, "warm_up", lambda *_: None)
    return made


def test_all_are_given_half_of_what_the_slowest_reached(loads: list[tuple[str, Load]]) -> None:
    chosen = [proxy("fast"), proxy("slow")]
    outcome = proxies.measure(2, 1.0, lambda _: None, chosen, [STEADY])
    assert list(outcome.cases) == [UNARY.key]
    assert outcome.rate == 5000
    assert [what.rate for _, what in loads] == [None] * 6 + [5000] * 6
    # Another one begins in each round.
    assert [name for name, _ in loads[:4]] == [DIRECT, "fast", "slow", "fast"]
    assert {name: len(runs) for name, runs in outcome.steady.items()} == {
        DIRECT: 2,
        "fast": 2,
        "slow": 2,
    }


def test_a_part_may_be_measured(loads: list[tuple[str, Load]]) -> None:
    outcome = proxies.measure(1, 1.0, lambda _: None, [proxy("fast")], [STREAM.key])
    assert list(outcome.cases) == [STREAM.key]
    assert not outcome.steady
    assert outcome.versions == {"fast": "fast 1.0"}
