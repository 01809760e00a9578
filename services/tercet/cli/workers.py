"""`tercet workers`: who runs, and, when several meshes do, which."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tercet.cli.advice import about_reload
from tercet.cli.calling import hush
from tercet.cli.control import DEADLINE, ask, describe
from tercet.cli.exit_codes import USAGE
from tercet.cli.options import Mesh, examples
from tercet.errors import TercetError, Unavailable

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
    "REVISION",
    "RESTARTS",
    "AGE",
    "ADDRESS",
    "LAST EXIT",
)
MESH_COLUMNS = ("MESH", "SERVICE", "WORKERS", "ADDRESS", "DIRECTORY")
# Seconds for each of several: one that is on its way down should not hold up the list.
SEVERAL_DEADLINE = 1.0


class SeveralMeshes(TercetError):
    """None was chosen."""

    default_reason = "SEVERAL_MESHES"
    exit_code = USAGE

    def __init__(self, meshes: Sequence[str]) -> None:
        super().__init__(f"several meshes run: {', '.join(meshes)}")
        self._newest = meshes[-1]

    def advice(self, arguments: Sequence[str]) -> str:
        """How the same command is told which.

        Args:
            arguments: After `tercet`.
        """
        chosen = shlex.join(["tercet", *arguments, "--mesh", self._newest])
        return f"choose one, as in `{chosen}`; `tercet workers` shows what each runs"


def command(
    mesh: Mesh = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """List the workers of the mesh that runs on this machine.

    Looks for it below $TERCET_RUNTIME_DIR (see `tercet up`). When several meshes run, lists them.
    While one worker replaces another, both are in the same slot. A slot whose workers die one after
    another waits between them: STATE says for how long, LAST EXIT why the last one died. Why the
    last reload has failed is told on standard error.

    Exits with 69 if no mesh runs, 2 if several do and none was chosen.
    """
    hush()
    from tercet.cli.output import complain, print_json, print_table
    from tercet.cluster.runtime_dir import meshes

    running = meshes()
    if not mesh and len(running) > 1:
        found = {path.name: services_of(path) for path in running}
        if as_json:
            print_json(
                [
                    {"mesh": name, "directory": directory_of(name), "services": found[name]}
                    for name in found
                ]
            )
        else:
            print_table(
                MESH_COLUMNS,
                [row for name in found for row in mesh_rows(name, found[name])],
                fold=False,
            )
        raise several(running)
    runtime = find(mesh)
    listed = list_workers(runtime)
    described = describe(runtime)
    if as_json:
        print_json([as_dict(worker) for worker in listed])
    else:
        under_way = f"under way: {described.operation}" if described.operation else ""
        rows = [row(worker) for worker in listed]
        print_table(COLUMNS, rows, caption=under_way, fold=False)
    if described.reload_error:
        cause, advice = about_reload(described.reload_error)
        complain(f"the last reload has failed: {cause}", advice)


def find(chosen: str | None) -> Path:
    """The runtime directory of the only mesh, or of the one that was chosen.

    Raises:
        Unavailable: No mesh runs, or not that one.
        SeveralMeshes: Several run, and none was chosen.
    """
    from tercet.cluster.runtime_dir import VARIABLE, base, meshes

    running = {path.name: path for path in meshes()}
    if chosen and running and chosen not in running:
        raise Unavailable(
            f"no mesh {chosen} runs below {base()}",
            hint=f"these do: {', '.join(running)}; `tercet workers` shows what each runs",
            reason="NO_MESH",
        )
    if not running:
        raise Unavailable(
            f"no mesh {f'{chosen} ' if chosen else ''}runs below {base()}",
            hint=f"start one with `tercet up`, or set {VARIABLE} as it was when it was started",
            reason="NO_MESH",
        )
    if chosen:
        return running[chosen]
    if len(running) > 1:
        raise several(list(running.values()))
    return next(iter(running.values()))


def several(running: Sequence[Path]) -> SeveralMeshes:
    return SeveralMeshes([path.name for path in running])


def directory_of(name: str) -> str:
    """Where a mesh was started; "" if that cannot be told.

    Args:
        name: Its own: the pid of its supervisor, which does not change its directory.
    """
    try:
        return os.readlink(f"/proc/{name}/cwd")
    except OSError:
        return ""


def services_of(runtime: Path) -> list[dict[str, Any]]:
    """The services of a mesh as JSON shows them; none if its control process does not answer."""
    try:
        listed = list_workers(runtime, deadline=SEVERAL_DEADLINE)
    except Unavailable:
        # It is one of several, and may be on its way down: the others are still worth listing.
        return []
    found: dict[str, dict[str, Any]] = {}
    for worker in listed:
        service = {"service": worker.service, "bind": worker.bind, "workers": 0}
        found.setdefault(worker.service, service)["workers"] += 1
    return list(found.values())


def mesh_rows(name: str, services: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    directory = directory_of(name) or "-"
    if not services:
        return [(name, "-", "-", "-", directory)]
    return [
        (name, given["service"], str(given["workers"]), given["bind"] or "-", directory)
        for given in services
    ]


def list_workers(runtime: Path, *, deadline: float = DEADLINE) -> list[cluster_pb2.Worker]:
    """Asks the control process.

    Args:
        deadline: Longest wait for it, in seconds.

    Raises:
        Unavailable: It does not answer.
    """
    from tercet.cluster.v1 import cluster_pb2

    answer = ask(
        runtime,
        lambda stub, seconds: stub.ListWorkers(
            cluster_pb2.ListWorkersRequest(), timeout=seconds, wait_for_ready=True
        ),
        deadline=deadline,
    )
    return list(answer.workers)


def as_dict(worker: cluster_pb2.Worker) -> dict[str, Any]:
    """A worker as JSON shows it."""
    return {
        "service": worker.service,
        "slot": worker.slot,
        "generation": worker.generation,
        "revision": worker.revision,
        "pid": worker.pid,
        "state": state_of(worker),
        "address": worker.address,
        "bind": worker.bind,
        "grpc_services": list(worker.grpc_services),
        "started": worker.started.ToJsonString(),
        "restarts": worker.restarts,
        "last_exit": worker.last_exit,
        "retry": worker.retry.ToJsonString() if worker.HasField("retry") else None,
        "routed": worker.routed,
        "gateway": worker.gateway,
    }


def row(worker: cluster_pb2.Worker) -> tuple[str, ...]:
    from tercet.cli.output import age

    return (
        worker.service,
        str(worker.slot),
        str(worker.pid or "-"),
        standing(worker),
        str(worker.generation),
        str(worker.revision),
        str(worker.restarts),
        age(time.time() - worker.started.ToNanoseconds() / 1e9) if worker.pid else "-",
        worker.bind or worker.address,
        worker.last_exit or "-",
    )


def standing(worker: cluster_pb2.Worker) -> str:
    """Its state, or when its slot is tried again; why it waits is told by its last exit."""
    if not worker.HasField("retry"):
        return state_of(worker)
    return f"retry in {max(0.0, worker.retry.ToNanoseconds() / 1e9 - time.time()):.0f} s"


def state_of(worker: cluster_pb2.Worker) -> str:
    from tercet.cluster.v1 import cluster_pb2

    name = cluster_pb2.WorkerState.Name(worker.state)
    return name.removeprefix("WORKER_STATE_").lower()
