"""Options that several verbs share, so that they are spelt alike."""

from __future__ import annotations

from collections.abc import Iterable
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
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not {shape}", param_hint=option)
    return name, value


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
