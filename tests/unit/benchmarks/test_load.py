from __future__ import annotations

import pytest

from benchmarks.load import Counts, LoadError, latencies, parse

# What h2load 1.52 prints.
SUMMARY = """\
finished in 3.00s, 3601.00 req/s, 268.85KB/s
requests: 10803 total, 10903 started, 10803 done, 10803 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 10803 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 806.55KB (825907) total, 32.38KB (33159) headers (space savings 96.21%), \
232.10KB (237666) data
                     min         max         mean         sd        +/- sd
time for request:     3.69ms     47.98ms     27.56ms      6.02ms    69.67%
"""


def test_the_summary_is_read() -> None:
    assert parse(SUMMARY) == Counts(calls=10803, failed=0, data=237666, seconds=3.0)


def test_every_kind_of_failure_counts() -> None:
    failing = SUMMARY.replace("0 failed, 0 errored, 0 timeout", "1 failed, 20 errored, 300 timeout")
    assert parse(failing).failed == 321


@pytest.mark.parametrize(
    ("printed", "seconds"), [("3.00s", 3.0), ("812.50ms", 0.8125), ("950us", 950e-6)]
)
def test_durations_have_units(printed: str, seconds: float) -> None:
    found = parse(SUMMARY.replace("finished in 3.00s", f"finished in {printed}"))
    assert found.seconds == pytest.approx(seconds)


def test_runs_are_added() -> None:
    assert Counts(1, 0, 10, 0.5) + Counts(2, 1, 20, 0.25) == Counts(3, 1, 30, 0.75)


@pytest.mark.parametrize("kept", ["requests", "traffic", "finished"])
def test_half_a_summary_is_an_error(kept: str) -> None:
    rows = [line for line in SUMMARY.splitlines() if line.startswith(kept)]
    with pytest.raises(LoadError, match="no summary"):
        parse("\n".join(rows))


def test_latencies_are_sorted() -> None:
    log = "1795363469145889\t200\t3689\n1795363469145892\t200\t497\n1795363472114927\t-1\t30493\n"
    assert latencies(log) == [497, 3689, 30493]
