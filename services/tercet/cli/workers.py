"""`tercet workers`: who runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from tercet.cli.options import examples

if TYPE_CHECKING:
    from tercet.cluster.v1 import cluster_pb2

EPILOG = examples(
    "tercet workers",
    "tercet workers --json | jq '.[] | select(.service == \"greeter\") | .pid'",
)
COLUMNS = (
    "SERVICE",
    "SLOT",
    "PID",
    "STATE",
    "GENERATION",
    "RESTARTS",
    "AGE",
    "ADDRESS",
    "LAST EXIT",
)
DEADLINE = 5.0


def command(
    mesh: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Which mesh, when several run: its supervisor's pid."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """List the workers of the mesh that runs on this machine.

    Looks for it below $TERCET_RUNTIME_DIR (see `tercet up`). When several meshes run, lists them.

    Exits with 69 if no mesh runs, 2 if several do and none was chosen.
    """
    from tercet.cli.output import print_json, print_table

    listed = list_workers(find(mesh))
    if as_json:
        print_json([as_dict(worker) for worker in listed])
    else:
        print_table(COLUMNS, [row(worker) for worker in listed])


def find(chosen: str | None) -> Path:
    """The runtime directory of the only mesh, or of the one that was chosen.

    Raises:
        Unavailable: No mesh runs, or not that one.
        UsageError: Several run.
    """
    from tercet.cluster.runtime_dir import VARIABLE, base, meshes
    from tercet.errors import Unavailable

    running = {path.name: path for path in meshes()}
    if not running or (chosen and chosen not in running):
        raise Unavailable(
            f"no mesh {f'{chosen} ' if chosen else ''}runs below {base()}",
            hint=f"start one with `tercet up`, or set {VARIABLE} as it was when it was started",
            reason="NO_MESH",
        )
    if chosen:
        return running[chosen]
    if len(running) > 1:
        raise typer.BadParameter(
            f"several meshes run: {', '.join(running)}; choose one", param_hint="--mesh"
        )
    return next(iter(running.values()))


def list_workers(runtime: Path) -> list[cluster_pb2.Worker]:
    """Asks the control process.

    Raises:
        Unavailable: It does not answer.
    """
    import grpc

    from tercet.cluster.spec import CONTROL
    from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
    from tercet.errors import Unavailable

    with grpc.insecure_channel(f"unix:{runtime / CONTROL}.sock") as channel:
        try:
            answer = cluster_pb2_grpc.ClusterStub(channel).ListWorkers(
                cluster_pb2.ListWorkersRequest(), timeout=DEADLINE, wait_for_ready=True
            )
        except grpc.RpcError as error:
            # What a call raises is a call; as text, it is a report of several lines.
            told = cast("grpc.Call", error).details()
            raise Unavailable(
                f"the control process of {runtime} does not answer: {told}",
                hint="it is restarted when it dies; try again",
            ) from error
    return list(answer.workers)


def as_dict(worker: cluster_pb2.Worker) -> dict[str, Any]:
    """A worker as JSON shows it."""
    return {
        "service": worker.service,
        "slot": worker.slot,
        "generation": worker.generation,
        "pid": worker.pid,
        "state": state_of(worker),
        "address": worker.address,
        "bind": worker.bind,
        "grpc_services": list(worker.grpc_services),
        "started": worker.started.ToJsonString(),
        "restarts": worker.restarts,
        "last_exit": worker.last_exit,
    }


def row(worker: cluster_pb2.Worker) -> tuple[str, ...]:
    return (
        worker.service,
        str(worker.slot),
        str(worker.pid or "-"),
        state_of(worker),
        str(worker.generation),
        str(worker.restarts),
        f"{time.time() - worker.started.ToNanoseconds() / 1e9:.0f} s",
        worker.bind or worker.address,
        worker.last_exit or "-",
    )


def state_of(worker: cluster_pb2.Worker) -> str:
    from tercet.cluster.v1 import cluster_pb2

    name = cluster_pb2.WorkerState.Name(worker.state)
    return name.removeprefix("WORKER_STATE_").lower()
