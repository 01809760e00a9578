from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.rounds import Summary


def test_words_are_left_and_figures_right() -> None:
    made = report.table(["peer", "role", "MiB"], [["a", "b", "1"]], words=2)
    assert made.splitlines() == ["| peer | role | MiB |", "| --- | --- | ---: |", "| a | b | 1 |"]


def test_a_spread_has_digits_and_thousands() -> None:
    assert report.spread(Summary(1234.56, 1000, 2000.04), 1) == "1,234.6 (1,000.0–2,000.0)"  # noqa: RUF001


def test_a_report_is_named_by_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "REPORTS", tmp_path / "reports")
    path = report.write("gateway", ["# Title", "Text."], datetime.date(2026, 1, 2))
    assert path == tmp_path / "reports" / "2026-01-02-gateway.md"
    assert path.read_text() == "# Title\n\nText.\n"
