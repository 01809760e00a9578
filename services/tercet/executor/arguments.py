"""The text of a request becomes typed values, or is refused with the field at fault."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tercet.errors import InvalidArgument
from tercet.executor.program import (
    LONGEST_ELEMENT,
    Argument,
    ChoiceArgument,
    InputFileArgument,
    IntegerArgument,
    OutputFileArgument,
    Program,
    RealArgument,
    StringArgument,
    default_of,
)

# Narrower than int() and float(), which also take blanks, underscores and other scripts' digits.
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_REAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def values_of(program: Program, given: Mapping[str, str], at: str) -> dict[str, str]:
    """Every argument's value as it goes into argv; files still as their paths.

    Args:
        given: The arguments of the request, by name.
        at: Path of the field that holds them, such as `stages[0].arguments`.

    Raises:
        InvalidArgument: One is unknown, missing, or not of its type.
    """
    for name in given:
        if name not in program.arguments:
            known = ", ".join(program.arguments) or "none"
            raise InvalidArgument(
                f"{program.name} has no argument {name!r}",
                field=f"{at}.{name}",
                hint=f"its arguments are: {known}",
                reason="UNKNOWN_ARGUMENT",
            )
    exposed = program.argv.exposed
    values = {}
    for name, argument in program.arguments.items():
        field = f"{at}.{name}"
        text = given.get(name, default_of(argument))
        if text is None:
            if not argument.optional:
                raise InvalidArgument(
                    f"{program.name} needs the argument {name!r}",
                    field=field,
                    hint=f"give it: {argument.help}",
                    reason="MISSING_ARGUMENT",
                )
            continue
        value = _value(argument, text, field)
        if name in exposed and isinstance(argument, StringArgument) and value.startswith("-"):
            raise InvalidArgument(
                f"{value[:40]!r} would be taken for an option of {program.name}",
                field=field,
                hint="begin with something other than '-'",
                reason="LOOKS_LIKE_OPTION",
            )
        values[name] = value
    return values


def _value(argument: Argument, text: str, field: str) -> str:
    if "\0" in text:
        raise InvalidArgument(
            "the text holds a NUL",
            field=field,
            hint="leave it out: no program can be given one",
            reason="NUL_IN_ARGUMENT",
        )
    match argument:
        case StringArgument():
            return _string(argument, text, field)
        case IntegerArgument():
            return _integer(argument, text, field)
        case RealArgument():
            return _real(argument, text, field)
        case ChoiceArgument():
            if text not in argument.choices:
                raise _wrong(
                    f"{text[:40]!r} is none of the choices", field, ", ".join(argument.choices)
                )
            return text
        case InputFileArgument() | OutputFileArgument():
            return text


def _string(argument: StringArgument, text: str, field: str) -> str:
    # The literal part of an element is a catalogue's, and short: half is left for it.
    if len(text.encode()) > LONGEST_ELEMENT // 2:
        raise _wrong("the text is too long", field, f"at most {LONGEST_ELEMENT // 2} bytes")
    if argument.pattern and not re.fullmatch(argument.pattern, text):
        raise _wrong(f"{text[:40]!r} does not match", field, f"text like {argument.pattern}")
    return text


def _integer(argument: IntegerArgument, text: str, field: str) -> str:
    allowed = f"a whole number from {argument.minimum} to {argument.maximum}"
    if not _INTEGER.fullmatch(text):
        raise _wrong(f"{text[:40]!r} is not a whole number", field, allowed)
    value = int(text)
    if not argument.minimum <= value <= argument.maximum:
        raise _wrong(f"{value} is out of range", field, allowed)
    return str(value)


def _real(argument: RealArgument, text: str, field: str) -> str:
    allowed = f"a finite number from {argument.minimum:g} to {argument.maximum:g}"
    value = float(text) if _REAL.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise _wrong(f"{text[:40]!r} is not a finite number", field, allowed)
    if not argument.minimum <= value <= argument.maximum:
        raise _wrong(f"{value:g} is out of range", field, allowed)
    return repr(value)


def _wrong(message: str, field: str, allowed: str) -> InvalidArgument:
    return InvalidArgument(
        message, field=field, hint=f"allowed: {allowed}", reason="ARGUMENT_OUT_OF_RANGE"
    )
