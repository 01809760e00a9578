"""`tercet recycle`: fresh workers in the place of old ones."""

from __future__ import annotations

from typing import Annotated

import typer

from tercet.cli.calling import hush
from tercet.cli.control import Waiting, describe, tell
from tercet.cli.options import Json, Mesh, encodable, examples

EPILOG = examples("tercet recycle shop 0", "tercet recycle shop", "tercet recycle")


def command(
    service: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVICE", help="As `tercet workers` shows it [default: each, one by one]."
        ),
    ] = None,
    slot: Annotated[
        int | None,
        typer.Argument(
            metavar="SLOT", min=0, help="One of its workers [default: each, one by one]."
        ),
    ] = None,
    mesh: Mesh = None,
    timeout: Waiting = None,
    as_json: Json = False,
) -> None:
    """Replace workers by fresh ones of the same code and configuration.

    Each goes only when its successor serves, and finishes the calls that it has. Waits until that
    is done; --timeout is for each service.

    Exits with 1 if there is no such worker or a successor does not become ready: the old one then
    goes on. 69 if no mesh runs, 124 if it takes longer than --timeout.
    """
    hush()
    from tercet.cli.output import print_json
    from tercet.cli.workers import find
    from tercet.cluster.v1 import cluster_pb2

    runtime = find(mesh)
    if service is None:
        names = [each.name for each in describe(runtime).services]
    else:
        names = [encodable(service, "SERVICE")]
    for name in names:
        request = cluster_pb2.RecycleRequest(service=name, slot=slot)
        tell(
            runtime,
            lambda stub, wait, request=request: stub.Recycle(request, timeout=wait),  # type: ignore[misc]
            timeout=timeout,
        )
        if not as_json:
            # Flushed: the next one may take a while.
            print(f"recycled {name}" + ("" if slot is None else f"/{slot}"), flush=True)
    if as_json:
        print_json({"services": names, "slot": slot})
