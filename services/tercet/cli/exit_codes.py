"""What the command exits with; docs/cli.md has the same table.

Numbers of sysexits.h where it has one, those of shells and timeout(1) otherwise.
"""

from __future__ import annotations

import os

from tercet.cli.options import verbatim
from tercet.errors import TercetError

REFUSED = 1
USAGE = 2
NO_INPUT = 66
UNAVAILABLE = 69
SOFTWARE = 70
CANNOT_CREATE = 73
TRY_AGAIN = 75
TIMED_OUT = 124
INTERRUPTED = 130
BROKEN_PIPE = 141

TABLE = {
    0: "done",
    REFUSED: "the server refused the request",
    USAGE: "the command line is wrong",
    NO_INPUT: "an input file cannot be read",
    UNAVAILABLE: "the server cannot be reached, is draining, or was lost",
    SOFTWARE: "a bug, here or in the server",
    CANNOT_CREATE: "an output file cannot be written",
    TRY_AGAIN: "the server is full; try again later",
    78: "a configuration is wrong",
    TIMED_OUT: "it took longer than allowed",
    INTERRUPTED: "Ctrl-C",
    BROKEN_PIPE: "the reader of the output went away",
}
EPILOG = "\n\n".join(
    [
        "Exit codes:",
        verbatim(f"{code:<5}{meaning}" for code, meaning in TABLE.items()),
        "exec run exits with the program's own code, or as a shell does: 128+n for signal n.",
    ]
)


class Refused(TercetError):
    """A server has refused what it was told."""

    exit_code = REFUSED


class TimedOut(TercetError):
    """What was waited for is not done yet."""

    default_reason = "TIMED_OUT"
    exit_code = TIMED_OUT


class InputMissing(TercetError):
    """A file that the user named cannot be read."""

    default_reason = "NO_INPUT"
    exit_code = NO_INPUT

    @classmethod
    def because(cls, path: str | os.PathLike[str], error: OSError) -> InputMissing:
        return cls(f"cannot read {path}: {error.strerror or error}")


class CannotCreate(TercetError):
    """A file that the user named cannot be written."""

    default_reason = "CANNOT_CREATE"
    exit_code = CANNOT_CREATE

    @classmethod
    def because(cls, path: str | os.PathLike[str], error: OSError) -> CannotCreate:
        return cls(f"cannot write {path}: {error.strerror or error}")


def exit_code(error: TercetError) -> int:
    """The code for an error: that of its status if the server answered, else that of its class."""
    code = getattr(error, "code", None)
    match getattr(code, "name", ""):
        case "UNAVAILABLE":
            return UNAVAILABLE
        case "DEADLINE_EXCEEDED":
            return TIMED_OUT
        case "INTERNAL" | "UNKNOWN" | "DATA_LOSS":
            return SOFTWARE
        case "RESOURCE_EXHAUSTED" if getattr(error, "retry_after", None) is not None:
            return TRY_AGAIN
    return error.exit_code
