"""A server's refusal in the words of a command line.

Servers name the field of the message at fault, for programs that made the message; whoever typed
words knows neither message nor field.
"""

from __future__ import annotations

import re

# The first that matches the whole path; a kernel or a program is quoted by its message.
_PLACES = [
    (re.compile(r"(?:parameters|inputs|start\.stage\.arguments)\.(\w+)(?:\..*)?"), r"\1"),
    (re.compile(r"(?:start\.)?timeout(?:\..*)?"), "--timeout"),
    (re.compile(r"threads"), "--threads"),
    (re.compile(r"kernel|start\.stage(?:\.program)?|start|stages"), ""),
]
_STAGE = re.compile(r"stages\[(\d+)\](?:\.program|\.arguments\.(\w+))?")
_HINTS = {"send Value.integer": "write it without a decimal point or exponent"}


def place(field: str) -> str:
    """Where in the command line a field came from; "" where the message alone says it.

    "parameters.n" is "n", and "stages[1].arguments.lines" is "lines of program 2".
    """
    if stage := _STAGE.fullmatch(field):
        program = f"program {int(stage[1]) + 1}"
        return f"{stage[2]} of {program}" if stage[2] else program
    for pattern, typed in _PLACES:
        if found := pattern.fullmatch(field):
            return found.expand(typed)
    return field


def located(message: str, field: str) -> str:
    """A message with the place of its field, unless it names that itself."""
    typed = place(field)
    if not typed or re.search(rf"(?<!\w){re.escape(typed)}(?!\w)", message):
        return message
    return f"{message} ({typed})"


def hint(text: str) -> str:
    """A hint that can be followed by typing."""
    return _HINTS.get(text, text)
