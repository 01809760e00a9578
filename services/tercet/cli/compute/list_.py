"""`tercet compute list`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tercet.cli.calling import call
from tercet.cli.options import LOCAL, Address, Json, examples
from tercet.cli.output import print_json, print_table

if TYPE_CHECKING:
    from tercet.client import Kernel, Parameter, Port

EPILOG = examples("tercet compute list", "tercet compute list --json | jq '.kernels[].name'")


def command(address: Address = LOCAL, as_json: Json = False) -> None:
    """List the kernels with their parameters, inputs and outputs.

    Without a terminal: name, parameters, inputs, outputs and help, apart by tabs.
    """
    listed = call(address, lambda client: client.compute.list_kernels())
    if as_json:
        print_json(dataclasses.asdict(listed))
        return
    print_table(
        ("KERNEL", "PARAMETERS", "INPUTS", "OUTPUTS", "HELP"),
        [row(kernel) for kernel in listed.kernels],
        caption=f"threads: {listed.threads}",
    )


def row(kernel: Kernel) -> tuple[str, ...]:
    return (
        kernel.name,
        ",\n".join(map(parameter, kernel.parameters)) or "-",
        ",\n".join(map(port, kernel.inputs)) or "-",
        ",\n".join(map(port, kernel.outputs)) or "-",
        kernel.help,
    )


def parameter(given: Parameter) -> str:
    """One parameter, such as "n:integer(0..50)=35"."""
    default = "" if given.default is None else f"={given.default}"
    bounds = f"({_bound(given.minimum)}..{_bound(given.maximum)})"
    return f"{given.name}:{given.type}{bounds}{default}"


def port(given: Port) -> str:
    """One input or output, such as "values:float64[:]"."""
    return f"{given.name}:{'|'.join(given.dtypes)}[{','.join(':' * given.rank)}]"


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value}"
