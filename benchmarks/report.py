"""Reports as Markdown."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.rounds import Summary

REPORTS = Path(__file__).parent / "reports"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """The first columns, so many of them, are of words, the others of figures."""
    rule = ["---"] * words + ["---:"] * (len(header) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def spread(values: Summary, digits: int = 0) -> str:
    """Median, and the range of the rounds."""
    median, low, high = (
        f"{value:,.{digits}f}" for value in (values.median, values.low, values.high)
    )
    return f"{median} ({low}–{high})"  # noqa: RUF001 - an en dash is right between figures


def times(value: Summary) -> str:
    return f"{value.median:.2f}x"


def write(name: str, paragraphs: Iterable[str], today: datetime.date) -> Path:
    """Writes benchmarks/reports/DATE-name.md."""
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"{today.isoformat()}-{name}.md"
    path.write_text("\n\n".join(paragraphs) + "\n")
    return path
