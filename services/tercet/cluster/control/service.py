"""tercet.cluster.v1.Cluster, from the lists that the supervisor sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tercet.cluster.messages import WorkerRecord, Workers
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.rpc.types import Context

STATES = {
    State.STARTING: cluster_pb2.WORKER_STATE_STARTING,
    State.READY: cluster_pb2.WORKER_STATE_READY,
    State.DRAINING: cluster_pb2.WORKER_STATE_DRAINING,
    State.GONE: cluster_pb2.WORKER_STATE_GONE,
}


class Cluster(cluster_pb2_grpc.ClusterServicer):
    """Answers from the newest list; the supervisor is never asked."""

    def __init__(self) -> None:
        self._version = 0
        self._workers: list[cluster_pb2.Worker] = []
        self._changed = asyncio.Event()
        self._closed = False

    def update(self, message: Workers) -> None:
        self._version = message.version
        self._workers = [to_proto(record) for record in message.workers]
        self._wake()

    def shut_down(self) -> None:
        """Ends all watches."""
        self._closed = True
        self._wake()

    async def ListWorkers(
        self, request: cluster_pb2.ListWorkersRequest, context: Context
    ) -> cluster_pb2.ListWorkersResponse:
        await self._first_list()
        return cluster_pb2.ListWorkersResponse(version=self._version, workers=self._workers)

    async def Watch(
        self, request: cluster_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[cluster_pb2.WatchResponse]:
        await self._first_list()
        said = -1
        while not self._closed:
            changed = self._changed
            if said != self._version:
                said = self._version
                yield cluster_pb2.WatchResponse(version=said, workers=self._workers)
                continue
            await changed.wait()

    async def _first_list(self) -> None:
        # This process's socket is open before the supervisor has told it anything. "No workers"
        # would be believed: a gateway would forget its routes.
        while not self._version and not self._closed:
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def to_proto(record: WorkerRecord) -> cluster_pb2.Worker:
    worker = cluster_pb2.Worker(
        service=record.service,
        slot=record.slot,
        generation=record.generation,
        pid=record.pid,
        state=STATES[record.state],
        address=record.address,
        bind=record.bind,
        grpc_services=record.grpc_services,
        restarts=record.restarts,
        last_exit=record.last_exit,
        routed=record.routed,
    )
    worker.started.FromNanoseconds(int(record.started * 1e9))
    return worker
