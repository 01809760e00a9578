"""What the tour prints: tables and a bar on a terminal, plain text elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

NUMBER = re.compile(r"-|[\d.]+( ?(s|ms|x))?")


class Update(Protocol):
    def __call__(self, fraction: float | None, detail: str) -> None: ...


def heading(text: str) -> None:
    Console(highlight=False).print(Text(f"\n{text}", style="bold"))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, cut: bool = False) -> None:
    """Prints rows under headings; columns of numbers stand at the right.

    Args:
        cut: What is too wide for the terminal is cut off, rather than folded.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    numeric = [all(NUMBER.fullmatch(row[i]) for row in cells) for i in range(len(columns))]
    lines = [list(columns), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    if sys.stdout.isatty():
        shown = Table(header_style="bold", pad_edge=False, box=None)
        for column, width, right in zip(columns, widths, numeric, strict=True):
            shown.add_column(
                column,
                justify="right" if right else "left",
                no_wrap=cut,
                overflow="ellipsis" if cut else "fold",
                # The widest alone makes room where the terminal is narrow.
                min_width=None if width == max(widths) else width,
            )
        for row in cells:
            # Text: what a server sends is no markup.
            shown.add_row(*map(Text, row))
        Console(highlight=False).print(shown)
        return
    for line in lines:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        print("  ".join(padded).rstrip())
    sys.stdout.flush()


@contextmanager
def bar(what: str) -> Iterator[Update]:
    """A bar that grows; elsewhere than on a terminal, one line per change."""
    if not sys.stdout.isatty():
        last = ""

        def tell(fraction: float | None, detail: str) -> None:
            nonlocal last
            share = "?" if fraction is None else f"{fraction:.0%}"
            line = f"{what}: {share}, {detail}"
            if line != last:
                print(line, flush=True)
            last = line

        yield tell
        return
    columns = ("{task.description}", BarColumn(), TaskProgressColumn())
    with Progress(*columns, TextColumn("{task.fields[detail]}")) as progress:
        task = progress.add_task(what, total=1.0, detail="")

        def move(fraction: float | None, detail: str) -> None:
            progress.update(task, completed=fraction or 0.0, detail=detail)

        yield move


def seconds(value: float) -> str:
    """A duration, its unit fit to its size."""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"
