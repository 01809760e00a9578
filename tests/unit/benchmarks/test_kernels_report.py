from __future__ import annotations

from benchmarks.kernels import RoundTrip, Work, threads_of
from benchmarks.kernels_report import paragraphs


def text() -> str:
    work = Work("sum", "numpy.dot", {})
    # The rounds' order of the sides is not the report's.
    work.times[threads_of(1)] += [1.0, 2.0]
    work.times["numpy.dot"] += [2.0, 4.0]
    trips = {"ThreadPoolExecutor": [RoundTrip(40, 90)], "Tercet": [RoundTrip(10, 30)]}
    return "\n\n".join(paragraphs([work], trips, "2 x CPU", "python -m benchmarks kernels"))


def test_above_one_ours_is_faster() -> None:
    assert "sum at 2.00x the speed of numpy.dot" in text()
    assert "back after 0.25x the time" in text()
    assert "| Tercet | 10.0 (10.0–10.0) | 30.0 (30.0–30.0) | 4.00x |" in text()  # noqa: RUF001


def test_the_peer_comes_first() -> None:
    made = text()
    assert made.index("| sum | numpy.dot |") < made.index("| sum | Tercet, 1 thread |")
