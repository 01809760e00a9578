"""Tables on a terminal, tab-separated lines elsewhere, JSON when asked; complaints."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str = "",
    fold: bool = True,
) -> None:
    """Prints rows: with headings and the caption on a terminal, bare for other programs.

    A bare line has one row, its cells apart by one tab; tabs and line ends in a cell are blanks.

    Args:
        fold: Break cells where the terminal is too narrow; otherwise its lines run over, and what
            is copied from them is whole.
    """
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=not fold)
    for row in rows:
        # Text: what a server sends is no markup.
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not fold:
        # Unbounded, to learn how wide it wants to be.
        wanted = Console(width=10_000, height=1).measure(table).maximum
        # Height too: rich takes a width alone for a guess, and 80 on a dumb terminal.
        console = Console(highlight=False, width=max(console.width, wanted), height=console.height)
    console.print(table)
    if caption:
        # Not the table's own caption, which wraps at the table's width.
        console.print(Text(caption, style="dim"))


def print_json(document: Any) -> None:
    """Prints a document: indented on a terminal, on one line elsewhere.

    JSON has no infinities and no NaN (RFC 8259, section 6): they are the strings "inf", "-inf"
    and "nan".
    """
    indent = 2 if sys.stdout.isatty() else None
    print(json.dumps(_finite(document), indent=indent, ensure_ascii=False, allow_nan=False))


def complain(message: str, advice: str = "") -> None:
    """Prints what is wrong, and what to do, as lines on standard error."""
    # Where standard error cannot be written either, the exit code is all that is left to say.
    with contextlib.suppress(OSError):
        print(f"tercet: {message}", file=sys.stderr)
        if advice:
            print(f"hint: {advice}", file=sys.stderr)


def bytes_as_json(name: str, data: bytes) -> dict[str, str]:
    """Bytes as text under `name`, or, if they are not UTF-8, under `name`_base64."""
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def seconds(value: float) -> str:
    """A duration with its unit, three digits."""
    if value >= 1:
        return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def age(elapsed: float) -> str:
    """A duration in its largest two units."""
    total = max(0, int(elapsed))
    for unit, below, length, inner in (("d", "h", 86400, 3600), ("h", "m", 3600, 60)):
        if total >= length:
            return f"{total // length} {unit} {total % length // inner} {below}"
    return f"{total // 60} m {total % 60} s" if total >= 60 else f"{total} s"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
