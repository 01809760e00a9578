"""What `tercet drain` and `tercet undrain` have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from tercet.cli.gateways import ask_all, gateways
from tercet.cli.options import encodable
from tercet.cli.output import print_table

Endpoint = Annotated[
    str,
    typer.Argument(
        metavar="ENDPOINT", help="As `tercet upstreams` shows it, or the path of its socket."
    ),
]
Upstream = Annotated[
    str,
    typer.Option(metavar="NAME", help="Of this upstream alone [default: all that have it]."),
]
COLUMNS = ("GATEWAY", "ENDPOINT", "STATE", "IN FLIGHT")


def told(mesh: str | None, endpoint: str, call: Callable[[Any, str], Any]) -> None:
    """Tells every gateway process, and shows how the endpoint stands with each.

    Args:
        call: Makes the call with a stub, about the endpoint of that name.

    Raises:
        Unavailable: No gateway runs, or one does not answer.
        Refused: One has no such endpoint.
    """
    from tercet.cli.upstreams import state_of

    name = encodable(endpoint, "ENDPOINT")
    if name.startswith("/"):
        name = f"unix:{name}"
    answers = ask_all(gateways(mesh), lambda stub: call(stub, name))
    print_table(
        COLUMNS,
        [
            (process, each.identity, state_of(each), str(each.in_flight))
            for process, answer in answers.given.items()
            for each in answer.endpoints
        ],
        fold=False,
    )
    answers.raise_failure()
