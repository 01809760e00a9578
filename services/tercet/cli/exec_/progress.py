"""How far a program has come: a bar on a terminal, lines elsewhere.

Both write to standard error, so that standard output is the program's alone.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from tercet.client import Progress


class ProgressView(Protocol):
    """Shows progress, and lets the program's output pass."""

    def write(self, stream: TextIO, data: bytes) -> None: ...

    def update(self, progress: Progress) -> None: ...

    def close(self) -> None: ...


def _pass_on(stream: TextIO, data: bytes) -> None:
    stream.buffer.write(data)
    stream.buffer.flush()


class Lines:
    """One line per tenth of the work; per ten seconds of media while the total is unknown."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._said = -1

    def write(self, stream: TextIO, data: bytes) -> None:
        _pass_on(stream, data)

    def update(self, progress: Progress) -> None:
        known = progress.fraction is not None
        step = int((progress.fraction or 0) * 10) if known else int(progress.position / 10)
        if step == self._said:
            return
        self._said = step
        # Rounded down: 100% is the end alone.
        share = "?" if progress.fraction is None else f"{int(progress.fraction * 100)}%"
        print(f"{self._program}: {share}, {describe(progress)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is open."""


class Bar:
    """A bar that appears with the first progress."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._bar: RichProgress | None = None

    def write(self, stream: TextIO, data: bytes) -> None:
        if self._bar and stream.isatty():
            # Above the bar, which would be torn by bytes written past it.
            text = data.decode(errors="replace")
            self._bar.console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
        else:
            _pass_on(stream, data)

    def update(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = _bar()
            self._bar.add_task(self._program, total=None, detail="")
            self._bar.start()
        self._bar.update(
            self._bar.task_ids[0],
            total=None if progress.fraction is None else 1.0,
            completed=progress.fraction or 0.0,
            detail=describe(progress),
        )

    def close(self) -> None:
        if self._bar:
            self._bar.stop()


def describe(progress: Progress) -> str:
    """Position, duration, frames and speed, as far as they are known."""
    total = f" of {progress.duration:.1f}" if progress.duration is not None else ""
    parts = [f"{progress.position:.1f}{total} s"]
    if progress.frames:
        parts.append(f"{progress.frames} frames")
    if progress.speed:
        parts.append(f"{progress.speed:.1f}x")
    return ", ".join(parts)


def _bar() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}"),
        console=Console(stderr=True),
    )
