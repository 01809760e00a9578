"""Which line of a TOML file says what.

tomllib does not tell. But a key is there from the line on at which the lines so far, read as a
file of their own, have it; lines that end within a value are no file, and the value begins where
the last file ended.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from tercet.cli.config.fields import Path


def lines(text: str) -> Mapping[Path, int]:
    """The line of each key, counted from 1, of tables and of what is in lists too.

    Time grows as the square of the number of lines: for when something is wrong.

    Raises:
        TOMLDecodeError: It is not TOML.
    """
    tomllib.loads(text)
    found: dict[Path, int] = {}
    # As tomllib counts them: "\n" alone ends a line.
    given = text.split("\n")
    begun = 1
    for end in range(1, len(given) + 1):
        try:
            read = tomllib.loads("\n".join(given[:end]))
        except tomllib.TOMLDecodeError:
            continue
        for path in _paths(read):
            found.setdefault(path, begun)
        begun = end + 1
    return found


def _paths(value: Any, within: Path = ()) -> Iterator[Path]:
    if within:
        yield within
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _paths(each, (*within, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _paths(each, (*within, index))
