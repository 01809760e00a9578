"""Follows the list of workers that the control process streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import grpc
import grpc.aio

from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc

log = logging.getLogger("tercet.gateway")

# The control process is back within about this time when it was killed.
RETRY = 0.1


async def follow(control: str, *, update: Callable[[Iterable[cluster_pb2.Worker]], None]) -> None:
    """Calls `update` with each list, for ever.

    While the control process is away the last list stays in force: calls do not depend on it.

    Args:
        control: gRPC target of the control process.
    """
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
    ]
    async with grpc.aio.insecure_channel(control, options=options) as channel:
        stub = cluster_pb2_grpc.ClusterStub(channel)
        while True:
            try:
                async for answer in stub.Watch(cluster_pb2.WatchRequest(), wait_for_ready=True):
                    update(answer.workers)
            except grpc.aio.AioRpcError as error:
                log.warning("the list of workers is cut off: %s; trying again", error.details())
            except Exception:
                # A bug; but a gateway that no longer learns of workers would be a worse one.
                log.exception("the list of workers could not be taken over; trying again")
            await asyncio.sleep(RETRY)
