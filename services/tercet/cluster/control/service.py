"""tercet.cluster.v1.Cluster: requests checked, answers put into messages, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tercet.cluster.control import orders, records, usage
from tercet.cluster.control.events import EventLog
from tercet.cluster.control.lists import Lists
from tercet.cluster.control.orders import Orders
from tercet.cluster.control.usage import Usage
from tercet.cluster.messages import OrderKind
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.errors import InvalidArgument
from tercet.rpc.types import Context


class Cluster(cluster_pb2_grpc.ClusterServicer):
    """Made of what knows."""

    def __init__(self, lists: Lists, events: EventLog, usage: Usage, orders: Orders) -> None:
        self._lists = lists
        self._events = events
        self._usage = usage
        self._orders = orders

    def shut_down(self, patience: float) -> None:
        """Ends all streams, and waits for what is being done.

        Args:
            patience: Seconds that the supervisor has to say how that went.
        """
        for part in (self._lists, self._events, self._usage):
            part.shut_down()
        self._orders.shut_down(patience)

    async def ListWorkers(
        self, request: cluster_pb2.ListWorkersRequest, context: Context
    ) -> cluster_pb2.ListWorkersResponse:
        found = await self._lists.workers()
        return cluster_pb2.ListWorkersResponse(
            version=found.version, workers=map(records.worker, found.workers)
        )

    async def Watch(
        self, request: cluster_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[cluster_pb2.WatchResponse]:
        async for found in self._lists.watch():
            yield cluster_pb2.WatchResponse(
                version=found.version, workers=map(records.worker, found.workers)
            )

    async def Describe(
        self, request: cluster_pb2.DescribeRequest, context: Context
    ) -> cluster_pb2.DescribeResponse:
        found = await self._lists.description()
        return cluster_pb2.DescribeResponse(
            pid=found.pid,
            runtime_dir=found.runtime_dir,
            started=records.timestamp(found.started),
            revision=found.revision,
            services=map(records.service, found.services),
            reload_error=found.reload_error,
            operation=found.operation,
            last_event=self._events.last,
        )

    async def WatchEvents(
        self, request: cluster_pb2.WatchEventsRequest, context: Context
    ) -> AsyncIterator[cluster_pb2.WatchEventsResponse]:
        after = request.after if request.HasField("after") else None
        if after is not None and after < 0:
            raise InvalidArgument(f"after is {after}: must be 0 or more", field="after")
        async for found in self._events.watch(after):
            yield cluster_pb2.WatchEventsResponse(events=map(records.event, found))

    async def WatchUsage(
        self, request: cluster_pb2.WatchUsageRequest, context: Context
    ) -> AsyncIterator[cluster_pb2.WatchUsageResponse]:
        interval = usage.checked_interval(request.interval)
        async for found in self._usage.watch(interval):
            yield cluster_pb2.WatchUsageResponse(workers=found)

    async def Reload(
        self, request: cluster_pb2.ReloadRequest, context: Context
    ) -> cluster_pb2.ReloadResponse:
        await self._orders.give(OrderKind.RELOAD)
        # The supervisor has described what is in force before it said that it was done.
        found = await self._lists.description()
        return cluster_pb2.ReloadResponse(revision=found.revision)

    async def Scale(
        self, request: cluster_pb2.ScaleRequest, context: Context
    ) -> cluster_pb2.ScaleResponse:
        await self._orders.give(
            OrderKind.SCALE,
            service=orders.checked_service(request.service),
            workers=orders.checked_workers(request.workers),
        )
        return cluster_pb2.ScaleResponse()

    async def Recycle(
        self, request: cluster_pb2.RecycleRequest, context: Context
    ) -> cluster_pb2.RecycleResponse:
        await self._orders.give(
            OrderKind.RECYCLE,
            service=orders.checked_service(request.service),
            slot=orders.checked_slot(request.slot) if request.HasField("slot") else -1,
        )
        return cluster_pb2.RecycleResponse()

    async def Kill(
        self, request: cluster_pb2.KillRequest, context: Context
    ) -> cluster_pb2.KillResponse:
        await self._orders.give(
            OrderKind.KILL,
            service=orders.checked_service(request.service),
            slot=orders.checked_slot(request.slot),
            generation=orders.checked_generation(request.generation),
        )
        return cluster_pb2.KillResponse()
