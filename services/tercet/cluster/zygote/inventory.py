"""What a process must not hold if it is to be forked: threads, and what two cannot share.

A thread is not there in the fork, and what it has locked stays locked. A connection, a pipe or an
epoll would be one and the same in all workers. A file may be: what is mapped or read at offsets.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from pathlib import Path

from tercet.errors import ConfigError

# As /proc/PID/fd shows them.
_UNSHARED = ("socket:", "pipe:", "anon_inode:")


def check(target: str, before: Collection[int]) -> None:
    """Looks at this process, which has imported a target.

    Args:
        before: The descriptors that it had before.

    Raises:
        ConfigError: It cannot be forked.
    """
    if found := _threads():
        raise ConfigError(
            f"{target} cannot be preloaded: importing it has started {_listed(found, 'thread')}",
            hint="start them in register, or import there what starts them, or set preload = false",
            reason="NOT_PRELOADABLE",
        )
    opened = descriptors()
    found = [
        f"{number} ({leads_to})"
        for number, leads_to in opened.items()
        if number not in before and leads_to.startswith(_UNSHARED)
    ]
    if found:
        raise ConfigError(
            f"{target} cannot be preloaded: importing it has opened {_listed(found, 'descriptor')}"
            " that workers cannot share",
            hint="open connections and make event loops in register, or set preload = false",
            reason="NOT_PRELOADABLE",
        )


def descriptors() -> dict[int, str]:
    """The open descriptors of this process, and what each leads to."""
    found = {}
    for entry in list(Path("/proc/self/fd").iterdir()):
        try:
            found[int(entry.name)] = os.readlink(entry)
        except FileNotFoundError:
            continue  # It was that of this very listing.
    return found


def _threads() -> list[str]:
    """Every thread but this one: by its name in Python, or as the kernel knows it."""
    names = {each.native_id: each.name for each in threading.enumerate()}
    found = []
    for task in Path("/proc/self/task").iterdir():
        number = int(task.name)
        if number != threading.get_native_id():
            found.append(names.get(number) or f"{(task / 'comm').read_text().strip()} (native)")
    return found


def _listed(found: list[str], noun: str) -> str:
    plural = "s" if len(found) > 1 else ""
    return f"{len(found)} {noun}{plural}: {', '.join(found)}"
