"""Which line of a TOML file says what.

tomllib does not tell. But a key is there from the line on at which the lines so far, read as a
file of their own, have it; lines that end within a value are no file, and the value begins where
the last file ended. Once there, a key stays: so the line is found by halving.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from tercet.cli.config.fields import Path


def line(text: str, path: Path) -> int | None:
    """The line at which a key, a table or an item of a list begins, counted from 1.

    Args:
        text: A TOML file.

    Returns:
        None if it is not there.

    Raises:
        TOMLDecodeError: It is not TOML.
    """
    if not _has(tomllib.loads(text), path):
        return None
    # As tomllib counts them: "\n" alone ends a line.
    given = text.split("\n")
    low, high = 1, len(given)
    while low < high:
        middle = (low + high) // 2
        end, read = _file(given, middle, len(given) + 1, 1)
        if _has(read, path):
            high = middle
        else:
            low = end + 1
    end, _ = _file(given, low, len(given) + 1, 1)
    before, _ = _file(given, end - 1, -1, -1)
    return before + 1


def _file(given: Sequence[str], start: int, stop: int, step: int) -> tuple[int, Any]:
    """How many of the first lines are a file: the first such number in the range; what it says."""
    for end in range(start, stop, step):
        try:
            return end, tomllib.loads("\n".join(given[:end]))
        except tomllib.TOMLDecodeError:
            continue
    raise AssertionError("no line is a file, and so are all")


def _has(value: Any, path: Path) -> bool:
    for part in path:
        if isinstance(value, list):
            inside = dict(enumerate(value))
        else:
            inside = value if isinstance(value, dict) else {}
        if part not in inside:
            return False
        value = inside[part]
    return True
