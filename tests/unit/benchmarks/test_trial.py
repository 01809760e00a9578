"""A disturbed run is made again; the choice does not look at what was measured."""

from __future__ import annotations

import pytest

from benchmarks import trial
from benchmarks.gateway import UNARY
from benchmarks.load import Counts, LoadError, Result
from benchmarks.peers import Running
from benchmarks.trial import Measured


def measured(rate: float, disturbance: float) -> Measured:
    return Measured(rate=rate, cost={}, p50=1, p99=1, generator_share=0, disturbance=disturbance)


@pytest.mark.parametrize(
    ("runs", "taken"),
    [
        ([measured(100, 0.01), measured(900, 0.0)], 100),
        ([measured(900, 0.4), measured(100, 0.01)], 100),
        ([measured(100, 0.1), measured(900, 0.2), measured(500, 0.0)], 100),
    ],
)
def test_the_least_disturbed_of_two_is_taken(
    runs: list[Measured], taken: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(runs)
    monkeypatch.setattr(trial, "_run_once", lambda *_: next(left))
    cpus = trial.Cpus({1}, {0})
    assert trial.run(UNARY, Running("", {}), cpus, lambda counts: counts.calls).rate == taken


def test_a_call_without_an_answer_is_an_error() -> None:
    assert trial.calls(Counts(calls=3, failed=0, data=30, seconds=1), 10) == 3
    # Part of the answer to a call that had not ended.
    assert trial.calls(Counts(calls=3, failed=0, data=35, seconds=1), 10) == 3
    with pytest.raises(LoadError, match="1 of 3 calls had no answer"):
        trial.calls(Counts(calls=3, failed=0, data=20, seconds=1), 10)


def test_messages_of_streams_are_counted_by_their_bytes() -> None:
    assert trial.messages(Counts(calls=1, failed=0, data=55, seconds=1), 10) == 5.5


def test_half_a_load_is_half_of_what_was_reached() -> None:
    assert trial.half(UNARY, measured(1000, 0)).rate == 500


def test_what_stands_behind_counts_as_load(monkeypatch: pytest.MonkeyPatch) -> None:
    # In two seconds on each of two CPUs: 1.0 s of the proxy, 0.6 s of h2load, 0.8 s of the backend,
    # 0.2 s of this process and 0.4 s of others.
    busy, mine = iter([0, 3.0e6]), iter([0, 0.2e6])
    used = {7: iter([0, 1.0e6]), 8: iter([0, 0.8e6])}
    result = Result(Counts(calls=1000, failed=0, data=0, seconds=2.0), [1000], 2.0, 0.3)
    monkeypatch.setattr(trial.cpu, "busy", lambda cpus: next(busy) if cpus == {0, 1} else 0)
    monkeypatch.setattr(trial.cpu, "used", lambda pids: next(used[pids[0]]))
    monkeypatch.setattr(trial, "_mine", lambda: next(mine))
    monkeypatch.setattr(trial.load, "run", lambda *_: result)
    running = Running("", {"proxy": [7]}, behind=[8])
    found = trial._run_once(UNARY, running, trial.Cpus({1}, {0}), lambda counts: counts.calls)
    assert found.cost == {"proxy": 1000}
    assert found.generator_share == pytest.approx(0.7)
    assert found.disturbance == pytest.approx(0.1)


def test_a_run_that_failed_twice_is_an_error() -> None:
    failures: list[str] = []

    def fail() -> Measured:
        raise LoadError("none ended")

    with pytest.raises(LoadError):
        trial.persistent(fail, "Envoy", failures)
    assert failures == ["Envoy: none ended"]
