"""`tercet scale`: more workers, or fewer."""

from __future__ import annotations

from typing import Annotated

import typer

from tercet.cli.calling import hush
from tercet.cli.control import Waiting, tell
from tercet.cli.options import Json, Mesh, encodable, examples

EPILOG = examples("tercet scale shop 8", "tercet scale gateway 2")


def command(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="As `tercet workers` shows it.")
    ],
    workers: Annotated[
        int, typer.Argument(metavar="N", min=1, max=1024, help="Workers that it is to have.")
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
