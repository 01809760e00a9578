"""What a mesh does, moment by moment, and what happens in it.

The control process may die and come back: what it was asked for is asked for again, events after
the last that was seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from tercet.cli.control import address
from tercet.cli.top.snapshot import Snapshot
from tercet.client.errors import call_error
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.errors import Unavailable

# Events from before the start that are shown.
EARLIER = 100
# Seconds before another try; and as gRPC's own, which would grow to two minutes.
PAUSE = 0.2
OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# Seconds for what is answered at once.
DEADLINE = 5.0


class Feed:
    """Lives on one event loop, between `run` and its end.

    Args:
        runtime: The directory of the mesh.
        interval: Seconds from one moment to the next.
        changed: Called with each moment.
        happened: Called with new events, in their order, none of them twice.
        lost: Called with the reason when nobody answers.
    """

    def __init__(
        self,
        runtime: Path,
        *,
        interval: float,
        changed: Callable[[Snapshot], None],
        happened: Callable[[Sequence[cluster_pb2.Event]], None],
        lost: Callable[[str], None],
    ) -> None:
        self._runtime = runtime
        self._interval = interval
        self._changed = changed
        self._happened = happened
        self._lost = lost
        self._stub: Any = None
        self._last: int | None = None

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        async with grpc.aio.insecure_channel(address(self._runtime), options=OPTIONS) as channel:
            self._stub = cluster_pb2_grpc.ClusterStub(channel)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._again(self._watch_usage))
                tasks.create_task(self._again(self._watch_events))

    async def tell(self, verb: str, request: Any) -> Any:
        """Makes a call that changes something.

        Args:
            verb: Name of the method.

        Raises:
            Unavailable: There is no answer; what has begun goes on.
            TercetError: It is refused.
        """
        if self._stub is None:
            raise Unavailable("not connected yet")
        try:
            return await getattr(self._stub, verb)(request)
        except grpc.aio.AioRpcError as error:
            told = call_error(error, f"the mesh {self._runtime.name}")
            if told.code is grpc.StatusCode.UNAVAILABLE:
                raise Unavailable(told.message, hint=told.hint) from error
            raise told from error

    async def _again(self, watch: Callable[[], Any]) -> None:
        while True:
            try:
                await watch()
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.OUT_OF_RANGE:
                    # More has happened than is kept: go on with what is.
                    self._last = 0
                    continue
                self._lost(str(error.details()))
            await asyncio.sleep(PAUSE)

    async def _watch_usage(self) -> None:
        request = cluster_pb2.WatchUsageRequest()
        request.interval.FromNanoseconds(int(self._interval * 1e9))
        async for usage in self._stub.WatchUsage(request, wait_for_ready=True):
            described, listed = await asyncio.gather(
                self._stub.Describe(cluster_pb2.DescribeRequest(), timeout=DEADLINE),
                self._stub.ListWorkers(cluster_pb2.ListWorkersRequest(), timeout=DEADLINE),
            )
            self._changed(Snapshot(described, listed.workers, usage.workers))

    async def _watch_events(self) -> None:
        if self._last is None:
            described = await self._stub.Describe(
                cluster_pb2.DescribeRequest(), wait_for_ready=True
            )
            self._last = max(0, described.last_event - EARLIER)
        request = cluster_pb2.WatchEventsRequest(after=self._last)
        async for answer in self._stub.WatchEvents(request, wait_for_ready=True):
            fresh = [event for event in answer.events if event.sequence > self._last]
            if fresh:
                self._last = fresh[-1].sequence
                self._happened(fresh)
