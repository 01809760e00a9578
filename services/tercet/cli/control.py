"""Asks the control process of a mesh, or tells it to do something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from tercet.cli.exit_codes import TimedOut
from tercet.cli.options import duration
from tercet.errors import Unavailable

if TYPE_CHECKING:
    from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc

T = TypeVar("T")
# Seconds that it has for an answer which it need not wait for itself.
DEADLINE = 5.0
GOES_ON = "what has begun goes on; `tercet workers` shows how it stands"

Waiting = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        callback=duration,
        help="How long to wait; what has begun goes on after that [default: until it is done].",
    ),
]


def address(runtime: Path) -> str:
    """gRPC target of the control process of the mesh in that directory."""
    from tercet.cluster.spec import CONTROL

    return f"unix:{runtime / CONTROL}.sock"


def ask(
    runtime: Path,
    call: Callable[[cluster_pb2_grpc.ClusterStub, float], T],
    *,
    deadline: float = DEADLINE,
) -> T:
    """Makes a call that is answered at once.

    Args:
        call: Is given the deadline too, in seconds, and should wait for a connection.

    Raises:
        Unavailable: It does not answer.
    """
    import grpc

    from tercet.cluster.v1 import cluster_pb2_grpc

    with grpc.insecure_channel(address(runtime)) as channel:
        try:
            return call(cluster_pb2_grpc.ClusterStub(channel), deadline)
        except grpc.RpcError as error:
            raise silent(runtime, error) from error


def tell(
    runtime: Path,
    call: Callable[[cluster_pb2_grpc.ClusterStub, float | None], T],
    *,
    timeout: float | None = None,
) -> T:
    """Makes a call that is answered when something is done.

    Args:
        call: Is given how long to wait, in seconds, or None.
        timeout: None for as long as it takes.

    Raises:
        Unavailable: There is no answer.
        CallError: It is refused.
        TimedOut: It is not done within the timeout.
    """
    import grpc

    from tercet.client.errors import call_error
    from tercet.cluster.v1 import cluster_pb2_grpc

    # One that is being started again is waited for; one that goes away later is not.
    describe(runtime)
    with grpc.insecure_channel(address(runtime)) as channel:
        try:
            return call(cluster_pb2_grpc.ClusterStub(channel), timeout)
        except grpc.RpcError as error:
            told = call_error(cast("Any", error), f"the mesh {runtime.name}")
            match told.code:
                case grpc.StatusCode.UNAVAILABLE:
                    raise Unavailable(
                        told.message, hint=told.hint if told.reason else GOES_ON
                    ) from error
                case grpc.StatusCode.DEADLINE_EXCEEDED if timeout:
                    raise TimedOut(f"it is not done after {timeout:g} s", hint=GOES_ON) from error
            raise told from error


def describe(runtime: Path) -> cluster_pb2.DescribeResponse:
    """The mesh.

    Raises:
        Unavailable: It does not answer.
    """
    from tercet.cluster.v1 import cluster_pb2

    return ask(
        runtime,
        lambda stub, deadline: stub.Describe(
            cluster_pb2.DescribeRequest(), timeout=deadline, wait_for_ready=True
        ),
    )


def silent(runtime: Path, error: Exception) -> Unavailable:
    # What a call raises is a call; as text, it is a report of several lines.
    told = getattr(error, "details", str)()
    return Unavailable(
        f"the control process of {runtime} does not answer: {told}",
        hint="it is restarted when it dies; try again",
    )
