"""The words of `tercet exec run` to the stages of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from tercet.cli.options import encodable

# "::" means nothing to any shell. "|" is what one would type, but must be quoted.
SEPARATORS = ("::", "|")

Stage = tuple[str, dict[str, str]]


def parse(words: Sequence[str]) -> list[Stage]:
    """Reads PROGRAM NAME=VALUE ... [:: PROGRAM NAME=VALUE ...] ...

    Raises:
        BadParameter: A stage has no program, or an argument is not NAME=VALUE or named twice.
    """
    stages: list[Stage] = []
    for given in _split(words):
        if not given or "=" in given[0]:
            found = f"{given[0]!r} stands" if given else "nothing stands"
            raise typer.BadParameter(f"{found} where a program's name should", param_hint="PROGRAM")
        program, *texts = given
        arguments: dict[str, str] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise typer.BadParameter(
                    f"{text!r} is not NAME=VALUE; `tercet exec list` shows the names,"
                    " and :: begins the next program",
                    param_hint=program,
                )
            if name in arguments:
                raise typer.BadParameter(f"{name!r} is named twice", param_hint=program)
            arguments[name] = value
        stages.append((program, arguments))
    return stages


def _split(words: Sequence[str]) -> list[list[str]]:
    stages: list[list[str]] = [[]]
    for word in words:
        encodable(word, "PROGRAM")
        if word in SEPARATORS:
            stages.append([])
        else:
            stages[-1].append(word)
    return stages
