"""A disturbed run is made again; the choice does not look at what was measured."""

from __future__ import annotations

import pytest

from benchmarks import gateway
from benchmarks.gateway import Measured
from benchmarks.peers import Running


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
    monkeypatch.setattr(gateway, "_run_once", lambda *_: next(left))
    cpus = gateway.Cpus({1}, {0})
    found = gateway._run(gateway.UNARY, Running("", {}, []), cpus, 1.0)
    assert found.rate == taken
