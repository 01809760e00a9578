"""Options that several verbs share, so that they are spelt alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from tercet.errors import InvalidArgument

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"]}

Address = Annotated[
    str,
    typer.Option(
        "--address",
        "-a",
        envvar="TERCET_ADDRESS",
        metavar="HOST:PORT",
        help="Where the gateway listens; unix:PATH for a socket.",
    ),
]


def duration(seconds: float | None) -> float | None:
    """Checks an option that is a duration.

    Raises:
        BadParameter: It is not positive, or nothing that a Duration of protobuf can hold.
    """
    if seconds is not None and not (math.isfinite(seconds) and 0 < seconds <= LONGEST):
        raise typer.BadParameter(
            f"{seconds:g} is not a number of seconds above 0; leave it out for no limit of yours"
        )
    return seconds


# About 10,000 years: google/protobuf/duration.proto.
LONGEST = 315_576_000_000.0
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", callback=duration, help="Deadline [default: none]."),
]
Mesh = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Which mesh, when several run: its supervisor's pid."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

LOCAL = "localhost:50050"


def examples(*lines: str) -> str:
    """An epilog."""
    return "\n\n".join(["Examples:", verbatim(lines)])


def verbatim(lines: Iterable[str]) -> str:
    """A paragraph whose lines are kept as they are: Click joins and wraps those of others."""
    return "\n".join(["\b", *(f"  {line}" for line in lines)])


def pair(text: str, option: str, shape: str = "NAME=VALUE") -> tuple[str, str]:
    """Splits at the first "=".

    Raises:
        BadParameter: There is none, or nothing before it.
    """
    name, equals, value = encodable(text, option).partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not {shape}", param_hint=option)
    return name, value


def numbered(text: str, option: str) -> tuple[str, int]:
    """Splits at the first "=", behind which is a whole number.

    Raises:
        BadParameter: It is none.
    """
    name, value = pair(text, option, "NAME=NUMBER")
    try:
        return name, int(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no whole number", param_hint=option) from None


def pairs(
    texts: Iterable[str], option: str, shape: str = "NAME=VALUE"
) -> Iterator[tuple[str, str]]:
    """Splits each at its first "=".

    Raises:
        BadParameter: As for `pair`, or a name is given twice.
    """
    seen: set[str] = set()
    for text in texts:
        name, value = pair(text, option, shape)
        if name in seen:
            raise typer.BadParameter(f"{name!r} is named twice", param_hint=option)
        seen.add(name)
        yield name, value


def encodable(text: str, option: str) -> str:
    """Checks a word of the command line.

    Raises:
        BadParameter: It is not UTF-8, as text in protobuf must be. Python hands on the other bytes
            as lone surrogates (PEP 383).
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter(f"{text!r} is not UTF-8", param_hint=option) from None
    return text


def number(text: str) -> int | float:
    """A whole number if it is written as one, else a real one.

    Raises:
        InvalidArgument: It is neither.
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise InvalidArgument(f"{text!r} is not a number")
