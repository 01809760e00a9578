"""`tercet exec list`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tercet.cli.calling import call
from tercet.cli.options import LOCAL, Address, Json, examples
from tercet.cli.output import print_json, print_table

if TYPE_CHECKING:
    from tercet.client import Argument, Program

EPILOG = examples("tercet exec list", "tercet exec list --json | jq '.programs[].name'")


def command(address: Address = LOCAL, as_json: Json = False) -> None:
    """List the programs with their arguments. Those in [brackets] may be left out.

    Without a terminal: name, arguments, longest time in seconds, whether the server has it (yes or
    no) and help, apart by tabs.
    """
    programs = call(address, lambda client: client.executor.list_programs())
    if as_json:
        print_json({"programs": [dataclasses.asdict(program) for program in programs]})
        return
    columns = ("PROGRAM", "ARGUMENTS", "SECONDS", "THERE", "HELP")
    print_table(columns, [row(program) for program in programs])


def row(program: Program) -> tuple[str, ...]:
    return (
        program.name,
        "\n".join(map(argument, program.arguments)) or "-",
        f"{program.timeout:g}",
        "yes" if program.available else "no",
        program.help,
    )


def argument(given: Argument) -> str:
    """One argument, such as "[lines=10]" or "input=INPUT_FILE"."""
    kind = "|".join(given.choices) or given.type.upper()
    text = f"{given.name}={kind if given.default is None else given.default}"
    return text if given.required else f"[{text}]"
