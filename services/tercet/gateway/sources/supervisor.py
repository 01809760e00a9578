"""The upstreams that are services of this mesh, from the workers that the control process lists."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import grpc
import grpc.aio

from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.gateway.sources.source import Address, Found, Update

log = logging.getLogger("tercet.gateway")

# The control process is back within about this time when it was killed.
RETRY = 0.1
OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


class Supervisor:
    """Follows the list of workers.

    While the control process is away the last list stays in force: calls do not depend on it.

    Args:
        control: gRPC target of the control process.
        listed: Called back with each list, whoever is in it.
    """

    def __init__(
        self,
        control: str,
        *,
        listed: Callable[[Iterable[cluster_pb2.Worker]], None] = lambda _: None,
    ) -> None:
        self._control = control
        self._listed = listed
        self._served: dict[str, frozenset[str]] = {}

    async def follow(self, update: Update) -> None:
        async with grpc.aio.insecure_channel(self._control, options=OPTIONS) as channel:
            stub = cluster_pb2_grpc.ClusterStub(channel)
            while True:
                try:
                    async for answer in stub.Watch(cluster_pb2.WatchRequest(), wait_for_ready=True):
                        self._listed(answer.workers)
                        update(self.found(answer.workers))
                except grpc.aio.AioRpcError as error:
                    log.warning("the list of workers is cut off: %s; trying again", error.details())
                except Exception:
                    # A bug; but a gateway that no longer learns of workers would be a worse one.
                    log.exception("the list of workers could not be taken over; trying again")
                await asyncio.sleep(RETRY)

    def failed(self) -> None:
        """The supervisor knows sooner than anyone when a worker is gone."""

    def found(self, workers: Iterable[cluster_pb2.Worker]) -> list[Found]:
        """The upstreams that a list of workers means.

        A service is there, with all that it served last, while it has workers in any state: a call
        for a service whose workers are all gone is UNAVAILABLE, not UNIMPLEMENTED.
        """
        ready: dict[str, list[cluster_pb2.Worker]] = {}
        for worker in workers:
            if worker.routed:
                of_service = ready.setdefault(worker.service, [])
                if worker.state == cluster_pb2.WORKER_STATE_READY:
                    of_service.append(worker)
        self._served = {
            name: frozenset(served for worker in of_service for served in worker.grpc_services)
            if of_service
            else self._served.get(name, frozenset())
            for name, of_service in ready.items()
        }
        return [
            Found(
                name,
                tuple(Address(worker.address) for worker in of_service),
                self._served[name],
            )
            for name, of_service in ready.items()
        ]
