"""`tercet reload`: new workers, of the code and the configuration as they are now."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tercet.cli.calling import hush
from tercet.cli.control import DEADLINE, GOES_ON, Waiting, address, describe, tell
from tercet.cli.exit_codes import Refused, TimedOut
from tercet.cli.options import Json, Mesh, examples
from tercet.errors import Unavailable

if TYPE_CHECKING:
    from tercet.cluster.v1 import cluster_pb2

# Seconds before a control process that has gone away is asked again.
PAUSE = 0.1

EPILOG = examples("tercet reload", "tercet check --import && tercet reload --timeout 60")


def command(mesh: Mesh = None, timeout: Waiting = None, as_json: Json = False) -> None:
    """Replace all workers, one after another, by ones of the code and configuration of now.

    The configuration is read again: by the command that the mesh was started with. Each worker goes
    only when its successor serves, and finishes the calls that it has. Waits until that is done.

    Exits with 1 if the configuration is wrong or a successor does not become ready: what was not
    replaced then goes on. 69 if no mesh runs, 124 if it takes longer than --timeout.
    """
    hush()
    from tercet.cli.output import print_json
    from tercet.cli.workers import find

    revision = reloaded(find(mesh), timeout)
    if as_json:
        print_json({"revision": revision})
    else:
        print(f"reloaded: revision {revision}")


def reloaded(runtime: Path, timeout: float | None) -> int:
    """Reloads a mesh, and returns its new revision.

    The control process is replaced too: where that takes the answer with it, the events tell.

    Raises:
        TercetError: As for `tell`.
    """
    from tercet.cluster.v1 import cluster_pb2

    began = time.monotonic()
    before = describe(runtime)
    try:
        answer = tell(
            runtime,
            lambda stub, wait: stub.Reload(cluster_pb2.ReloadRequest(), timeout=wait),
            timeout=timeout,
        )
    except Unavailable:
        left = timeout - (time.monotonic() - began) if timeout else None
        # One that was under way then is not the one that was asked for.
        earlier = 1 if "reload" in before.operation else 0
        event = ended(runtime, after=before.last_event, skip=earlier, timeout=left)
        if event.kind == cluster_pb2.EVENT_KIND_RELOAD_FAILED:
            raise Refused(event.text, reason="RELOAD_FAILED") from None
        return int(describe(runtime).revision)
    return int(answer.revision)


def ended(runtime: Path, *, after: int, skip: int, timeout: float | None) -> cluster_pb2.Event:
    """The event that a reload ends with.

    Args:
        after: Sequence number of the event that comes before all that count.
        skip: So many reloads end before.
        timeout: Seconds; None for as long as it takes.

    Raises:
        Unavailable: The mesh is gone, or goes.
        TimedOut: It is not there after the timeout.
    """
    import grpc

    from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc

    deadline = time.monotonic() + timeout if timeout is not None else math.inf
    while (left := deadline - time.monotonic()) > 0:
        if not runtime.exists():
            raise Unavailable(f"the mesh {runtime.name} has ended")
        with grpc.insecure_channel(address(runtime)) as channel:
            request = cluster_pb2.WatchEventsRequest(after=after)
            answers = cluster_pb2_grpc.ClusterStub(channel).WatchEvents(
                request, timeout=min(left, DEADLINE), wait_for_ready=True
            )
            try:
                for event in (event for answer in answers for event in answer.events):
                    after = event.sequence
                    if event.kind == cluster_pb2.EVENT_KIND_STOPPING:
                        raise Unavailable(f"the mesh {runtime.name} stops")
                    if event.kind not in (
                        cluster_pb2.EVENT_KIND_RELOAD_FINISHED,
                        cluster_pb2.EVENT_KIND_RELOAD_FAILED,
                    ):
                        continue
                    if not skip:
                        return event
                    skip -= 1
            except grpc.RpcError:
                # Cut off again, or only that long without an event.
                time.sleep(PAUSE)
    raise TimedOut(f"it is not done after {timeout:g} s", hint=GOES_ON)
