"""Puts descriptors that came through a socket under the numbers that they are known by.

The supervisor names what a worker inherits by its own numbers, since an exec keeps them. They are
low, being the lowest that were free. So whatever the zygote holds must be high: then none of it is
in the way, and nothing needs to be translated.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
from collections.abc import Iterator, Sequence

# Below 1024, so that select(2) works with what is above, and with room above it.
_HIGH = 896


def floor() -> int:
    """The first of the numbers that the zygote uses for itself."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(3, min(soft - 128, _HIGH))


@contextlib.contextmanager
def opening_high() -> Iterator[None]:
    """Within it, what is opened gets numbers from `floor` on."""
    taken = []
    with open(os.devnull) as nothing:
        while (number := fcntl.fcntl(nothing, fcntl.F_DUPFD_CLOEXEC, 3)) < floor():
            taken.append(number)
        os.close(number)
        try:
            yield
        finally:
            for number in taken:
                os.close(number)


def move_high(descriptor: int, *, above: int = 0) -> int:
    """Gives a descriptor a number from `floor` on, and above another, in exchange for its own."""
    least = max(floor(), above + 1)
    moved: int = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, least)
    os.close(descriptor)
    return moved


def place(received: Sequence[int], numbers: Sequence[int]) -> None:
    """Moves each of the received descriptors to its number. No exec inherits them, but 0 to 2.

    Raises:
        FileExistsError: A number is in use, by something else than these.
    """
    # First out of the way of each other.
    highest = max(numbers, default=0)
    moved = [move_high(descriptor, above=highest) for descriptor in received]
    for descriptor, number in zip(moved, numbers, strict=True):
        if number > 2 and _is_open(number):
            raise FileExistsError(
                f"descriptor {number}, which the supervisor names, is open already: "
                "a module that is preloaded should open few files"
            )
        os.dup2(descriptor, number, inheritable=number <= 2)
        os.close(descriptor)


def _is_open(number: int) -> bool:
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:
        return False
    return True
