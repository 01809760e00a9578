"""What ffmpeg tells of its progress. Bytes in, reports out; no I/O.

`-progress` writes blocks of `key=value` lines, each ended by `progress=continue` or `progress=end`.
Any value may be `N/A`. `out_time_us` is used: `out_time_ms` is in microseconds too, against its
name (fftools/ffmpeg.c, print_report).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# No line of ffmpeg's is nearly as long; a program that writes no newline must not fill the memory.
LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Report:
    """One block.

    Attributes:
        position: Media time written so far, in seconds.
        frames: Frames written so far.
        speed: Media seconds per wall second; 0 while unknown.
        end: Whether it is the last one; also of an ffmpeg that was interrupted.
    """

    position: float = 0.0
    frames: int = 0
    speed: float = 0.0
    end: bool = False


class FfmpegProgress:
    """Parser of a `-progress` stream. What it does not know, it skips."""

    def __init__(self) -> None:
        self._rest = b""
        self._block: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> list[Report]:
        """The reports that these bytes complete."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-LONGEST_LINE:]
        reports = []
        for line in lines:
            key, _, value = (part.strip() for part in line.partition(b"="))
            self._block[key] = value
            if key == b"progress":
                reports.append(self._report())
                self._block.clear()
        return reports

    def _report(self) -> Report:
        return Report(
            # Negative before the first frame, where the streams begin before 0.
            position=max(0.0, self._number(b"out_time_us") / 1e6),
            frames=int(self._number(b"frame")),
            speed=self._number(b"speed"),
            end=self._block.get(b"progress") == b"end",
        )

    def _number(self, key: bytes) -> float:
        try:
            value = float(self._block.get(key, b"").removesuffix(b"x"))
        except ValueError:  # N/A
            return 0.0
        return value if math.isfinite(value) else 0.0
