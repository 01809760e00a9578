"""What the steps came to, and how long each took."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from examples.tour.table import heading, seconds, table
from tercet.errors import TercetError


class StepFailed(Exception):
    """A step failed; the journal says which and why."""


@dataclass
class Entry:
    """One step. `happened` is for the step to fill in."""

    step: str
    happened: str = ""
    took: float = 0.0


class Journal:
    """The steps so far.

    Attributes:
        failure: What the first step that failed has to say, with the step's name.
    """

    def __init__(self) -> None:
        self.failure = ""
        self._entries: list[Entry] = []

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[Entry]:
        """Times a step.

        Raises:
            StepFailed: In place of what went wrong in it.
        """
        heading(title)
        entry = Entry(name)
        self._entries.append(entry)
        began = time.perf_counter()
        try:
            yield entry
        except Exception as error:
            what = describe(error)
            entry.happened = f"FAILED: {what}"
            self.failure = self.failure or f"The step `{name}` failed: {what}"
            if not isinstance(error, TercetError | TimeoutError):
                # Not one of the errors that a user can act upon: where it was helps to mend it.
                traceback.print_exc()
            raise StepFailed(name) from error
        except BaseException:
            entry.happened = "interrupted"
            raise
        finally:
            entry.took = time.perf_counter() - began

    def show(self) -> None:
        heading("The tour")
        # The table has one line per step; hints may have more.
        rows = [(e.step, e.happened.partition("\n")[0], seconds(e.took)) for e in self._entries]
        table(("STEP", "WHAT HAPPENED", "TIME"), rows)


def describe(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return str(error) if isinstance(error, TercetError) else f"{type(error).__name__}: {error}"
