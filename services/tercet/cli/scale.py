"""`tercet scale`: more workers, or fewer."""

from __future__ import annotations

from typing import Annotated

import typer

from tercet.cli.calling import hush
from tercet.cli.control import Waiting, tell
from tercet.cli.options import Json, Mesh, encodable, examples

EPILOG = examples("tercet scale shop 8", "tercet scale gateway 2")


def count(workers: int) -> int:
    """Checks a number of workers.

    Raises:
        BadParameter: A service cannot have so many.
    """
    if workers == 0:
        raise typer.BadParameter(
            "a service has at least one worker; to have none of it, take it out of the"
            " configuration and reload",
            param_hint="N",
        )
    if not 1 <= workers <= 1024:
        raise typer.BadParameter(f"a service has 1 to 1024 workers, not {workers}", param_hint="N")
    return workers


def command(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="As `tercet workers` shows it.")
    ],
    workers: Annotated[
        int,
        typer.Argument(metavar="N", callback=count, help="Workers that it is to have: 1 to 1024."),
    ],
    mesh: Mesh = None,
    timeout: Waiting = None,
    as_json: Json = False,
) -> None:
    """Give a service so many workers.

    Waits until new ones serve, or those that go have finished the calls that they had. A reload
    keeps the number, unless the one in the configuration was changed.

    Exits with 1 if there is no such service or a new worker does not become ready, 69 if no mesh
    runs, 124 if it takes longer than --timeout.
    """
    hush()
    from tercet.cli.output import print_json
    from tercet.cli.workers import find
    from tercet.cluster.v1 import cluster_pb2

    name = encodable(service, "SERVICE")
    request = cluster_pb2.ScaleRequest(service=name, workers=workers)
    tell(find(mesh), lambda stub, wait: stub.Scale(request, timeout=wait), timeout=timeout)
    if as_json:
        print_json({"service": name, "workers": workers})
    else:
        print(f"{name} has {workers} {'worker' if workers == 1 else 'workers'}")
