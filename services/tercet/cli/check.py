"""`tercet check`: what is wrong with a configuration, before anything is started with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tercet.cli.options import Json, examples
from tercet.errors import ConfigError

if TYPE_CHECKING:
    from tercet.cluster.spec import MeshSpec

EPILOG = examples(
    "tercet check",
    "tercet check mesh.toml --import && tercet reload",
    "tercet check --json | jq -r '.errors[] | .place'",
)
COLUMNS = ("SERVICE", "WORKERS", "ADDRESS", "TARGET")


def command(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            readable=False,
            help="Configuration; else $TERCET_CONFIG, else ./tercet.toml if there is one.",
        ),
    ] = None,
    import_: Annotated[
        bool,
        typer.Option(
            "--import",
            help="Also import the module of each service and hook, in a process of its own, and see"
            " whether its function takes the options.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say all that is wrong with a configuration, and where; start nothing.

    Reads what `tercet up` would read here: the file and TERCET_* variables. Of a configuration that
    is right it shows the mesh.

    Exits with 0 if it is right, 78 if it is wrong.
    """
    from tercet.cli.config.loading import Loaded
    from tercet.cli.importing import unusable

    made: MeshSpec | None = None
    try:
        loaded = Loaded(file, environ=os.environ, settings={})
    except ConfigError as error:
        wrong = [as_dict(error, error.message, place="", option="")]
    else:
        found = loaded.examined()
        made = found.mesh
        errors = [*found.errors, *(unusable(found) if import_ else [])]
        wrong = [
            as_dict(
                error,
                loaded.sources.told(error),
                place=loaded.sources.place(error.path),
                option=error.option,
            )
            for error in errors
        ]
        # Variables first, then the lines of the file in their order.
        wrong.sort(key=lambda error: line_of(error["place"]))
    show(wrong, None if wrong else made, as_json=as_json)
    if wrong:
        raise typer.Exit(ConfigError.exit_code)


def line_of(place: str) -> int:
    """Of FILE:LINE; 0 for a place that has none."""
    line = place.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0


def as_dict(error: ConfigError, message: str, *, place: str, option: str) -> dict[str, str]:
    """An error as JSON shows it, with the message as it is told here."""
    return {
        "place": place,
        "option": option,
        "message": message,
        "hint": error.hint,
    }


def show(wrong: Sequence[dict[str, str]], made: MeshSpec | None, *, as_json: bool) -> None:
    from tercet.cli.output import complain, print_json, print_table

    if as_json:
        print_json(
            {
                "errors": list(wrong),
                "services": services(made) if made else [],
                "health": made.health if made else "",
                "metrics": made.metrics if made else "",
            }
        )
        return
    for error in wrong:
        place = f"{error['place']}: " if error["place"] else ""
        complain(f"{place}{error['message']}", error["hint"])
    if made:
        print_table(
            COLUMNS,
            [
                *(
                    (each["service"], str(each["workers"]), each["bind"] or "-", each["target"])
                    for each in services(made)
                ),
                *(
                    (name, "-", address, "-")
                    for name, address in (("health", made.health), ("metrics", made.metrics))
                    if address
                ),
            ],
            fold=False,
        )


def services(made: MeshSpec) -> list[dict[str, Any]]:
    return [
        {
            "service": each.name,
            "workers": each.workers,
            "bind": each.bind,
            "target": each.target,
        }
        for each in made.services
    ]
