"""Why a worker cannot start, in a line that the supervisor can show in a table."""

from __future__ import annotations

from tercet.errors import TercetError

LONGEST = 300


def cause_of(error: BaseException) -> str:
    """The last line of its traceback, or the message of an error of ours, without the hint."""
    if isinstance(error, TercetError):
        text = error.message
    else:
        # Of a syntax error it names the file, which the traceback has in other lines.
        kind, said = type(error).__name__, str(error)
        text = f"{kind}: {said}" if said else kind
    line = next(filter(None, map(str.strip, text.splitlines())), "")
    line = line.encode(errors="backslashreplace").decode()
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
