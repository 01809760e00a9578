"""The descriptors of one run: made together, and none left behind."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from tercet.errors import ResourceExhausted
from tercet.executor.pipes import Reader, Writer


class Descriptors:
    """Owns what it makes until closed; leaving the `with` closes the rest.

    A program's end of a pipe is a number, to be handed to the program and closed here; ours is a
    `Reader` or a `Writer`.
    """

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._ends: list[Reader | Writer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close(*self._numbers)
        for end in self._ends:
            end.close()

    def pipe(self) -> tuple[int, int]:
        """A pipe between two programs: its reading and its writing end.

        Raises:
            ResourceExhausted: The process, or the system, has no descriptors left.
        """
        try:
            ends = os.pipe()
        except OSError:
            raise out_of_descriptors() from None
        self._numbers.update(ends)
        return ends

    def reader(self) -> tuple[Reader, int]:
        """A pipe from a program to us."""
        reading, writing = self.pipe()
        self._numbers.remove(reading)
        self._ends.append(reader := Reader(reading))
        return reader, writing

    def writer(self) -> tuple[int, Writer]:
        """A pipe from us to a program."""
        reading, writing = self.pipe()
        self._numbers.remove(writing)
        self._ends.append(writer := Writer(writing))
        return reading, writer

    def null(self) -> int:
        """An empty input."""
        try:
            fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            raise out_of_descriptors() from None
        self._numbers.add(fd)
        return fd

    def close(self, *numbers: int) -> None:
        for number in numbers:
            self._numbers.discard(number)
            os.close(number)


def out_of_descriptors() -> ResourceExhausted:
    return ResourceExhausted(
        "the server has no file descriptors left",
        hint="try again; raise the server's limit (ulimit -n) or lower `max_programs`",
        reason="NO_DESCRIPTORS",
        retry_after=0.5,
    )
