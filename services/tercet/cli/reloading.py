"""Reloads a mesh and waits for the end of that, which its control process may not live to see."""

from __future__ import annotations

import math
import time
from pathlib import Path

import grpc

from tercet.cli.control import DEADLINE, GOES_ON, address, describe, tell
from tercet.cli.exit_codes import Refused, TimedOut
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.errors import Unavailable

# Seconds before a control process that has gone away is asked again.
PAUSE = 0.1


def reloaded(runtime: Path, timeout: float | None) -> int:
    """Reloads a mesh, and returns its new revision.

    The control process is replaced too: where that takes the answer with it, the events tell.

    Raises:
        TercetError: As for `tell`.
    """
    began = time.monotonic()
    before = describe(runtime)
    try:
        answer = tell(
            runtime,
            lambda stub, wait: stub.Reload(cluster_pb2.ReloadRequest(), timeout=wait),
            timeout=timeout,
        )
    except Unavailable:
        # One that was under way before is not the one that was asked for.
        after, skip = before.last_event, int("reload" in before.operation)
        while True:
            left = timeout - (time.monotonic() - began) if timeout else None
            event = ended(runtime, after=after, skip=skip, timeout=left)
            now = describe(runtime)
            if "reload" not in now.operation:
                break
            # Somebody else's came first: this is it, or comes after it.
            after, skip = event.sequence, 0
        if event.kind == cluster_pb2.EVENT_KIND_RELOAD_FAILED:
            raise Refused(event.text, reason="RELOAD_FAILED") from None
        return int(now.revision)
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
