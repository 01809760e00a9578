"""Finds the gateway processes of a mesh and asks all of them, for the verbs that do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from tercet.cli.exit_codes import Refused
from tercet.errors import TercetError, Unavailable

if TYPE_CHECKING:
    from tercet.cluster.v1 import cluster_pb2

# Seconds for each: it is on this machine.
DEADLINE = 5.0


class Process(NamedTuple):
    """A gateway process."""

    name: str
    # gRPC target of its admin service.
    address: str


class Answers(NamedTuple):
    """What each of the processes said, by its name."""

    given: Mapping[str, Any]
    failed: Mapping[str, TercetError]

    def raise_failure(self) -> None:
        """
        Raises:
            Unavailable: One did not answer.
            Refused: One refused.
        """
        for error in sorted(self.failed.values(), key=lambda each: isinstance(each, Refused)):
            raise error


def gateways(mesh: str | None) -> list[Process]:
    """The gateway processes of the mesh that runs, or of the one that was chosen.

    Raises:
        Unavailable: No mesh runs, or it has no gateway.
        SeveralMeshes: Several run, and none was chosen.
    """
    from tercet.cli.workers import find, list_workers
    from tercet.cluster.v1 import cluster_pb2
    from tercet.gateway.admin_socket import admin_socket

    runtime = find(mesh)
    up = (cluster_pb2.WORKER_STATE_READY, cluster_pb2.WORKER_STATE_DRAINING)
    found = [
        Process(f"{worker.service}/{worker.slot}", admin_socket(worker.address))
        for worker in list_workers(runtime)
        if is_gateway(worker)
        and (
            worker.state in up
            # One that starts answers too, as soon as it listens; it waits for its upstreams.
            or (worker.state == cluster_pb2.WORKER_STATE_STARTING and worker.grpc_services)
        )
    ]
    if not found:
        raise Unavailable(
            f"no gateway runs in the mesh {runtime.name}",
            hint="`tercet workers` shows what does",
            reason="NO_GATEWAY",
        )
    return found


def is_gateway(worker: cluster_pb2.Worker) -> bool:
    from tercet.cluster.spec import CONTROL

    # Only gateways and the control process are not behind a gateway.
    return not worker.routed and worker.service != CONTROL


def ask_all(processes: Sequence[Process], call: Callable[[Any], Any]) -> Answers:
    """Makes a call to each of the processes, at once.

    Args:
        call: Is given a stub of the admin service.
    """
    import grpc

    given: dict[str, Any] = {}
    failed: dict[str, TercetError] = {}

    def ask(process: Process) -> None:
        from tercet.gateway.v1 import gateway_pb2_grpc

        with grpc.insecure_channel(process.address) as channel:
            try:
                given[process.name] = call(gateway_pb2_grpc.GatewayStub(channel))
            except grpc.RpcError as error:
                failed[process.name] = failure(process, error)

    with ThreadPoolExecutor(len(processes)) as threads:
        list(threads.map(ask, processes))
    return Answers(dict(sorted(given.items())), dict(sorted(failed.items())))


def failure(process: Process, error: Any) -> TercetError:
    import grpc

    from tercet.client.errors import call_error

    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return Unavailable(
            f"{process.name} does not answer: {error.details()}",
            hint="the others were asked too; it is restarted when it dies; try again",
        )
    told = call_error(error, process.name)
    return Refused(f"{process.name}: {told.message}", hint=told.hint, reason=told.reason)
