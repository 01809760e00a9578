"""Some of what there is, by the keys of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def selected(keys: Sequence[str] | None, known: Mapping[str, Item]) -> list[Item]:
    """In the order in which they are known; all for None.

    Raises:
        ValueError: A key is not known.
    """
    for key in keys or ():
        if key not in known:
            raise ValueError(f"there is no {key!r}; there are {', '.join(known)}")
    return [item for key, item in known.items() if keys is None or key in keys]
