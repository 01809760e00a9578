"""Puts a gateway together. It runs in a worker like any service; its server is its front."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

import msgspec

from tercet.cluster.v1 import cluster_pb2
from tercet.cluster.worker import Worker
from tercet.gateway import discovery, health
from tercet.gateway.config import GatewayConfig
from tercet.gateway.directory import Directory
from tercet.gateway.reflection import AggregateReflection
from tercet.gateway.router import Router
from tercet.rpc import reflection
from tercet.rpc.base import Server
from tercet.rpc.health import Health


def register(server: Server, *, worker: Worker, **options: Any) -> None:
    """Makes a server the front of the mesh that `worker` is part of."""
    config = msgspec.convert(options, GatewayConfig)
    directory = Directory(config.withheld)
    front_health = Health()
    front_health.add_to(server)
    reflection.add_to(server, AggregateReflection(directory))
    # Last: it takes every path.
    server.add_generic_rpc_handlers((Router(directory),))

    def update(workers: Iterable[cluster_pb2.Worker]) -> None:
        directory.update(workers)
        front_health.set(health.statuses(directory))

    following = asyncio.create_task(discovery.follow(worker.spec.control, update=update))

    async def close() -> None:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        directory.update([])

    worker.on_drain(front_health.shut_down)
    worker.on_close(close)
