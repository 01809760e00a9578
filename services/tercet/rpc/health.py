"""grpc.health.v1.Health with all three methods (gRFC A17, A90).

The stock servicer answers `List` with UNIMPLEMENTED, and its `Watch` streams hold a stopping
server until the grace is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from grpc_health.v1 import health_pb2, health_pb2_grpc

from tercet.errors import NotFound
from tercet.rpc.base import Server
from tercet.rpc.types import Context

SERVICE = "grpc.health.v1.Health"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health(health_pb2_grpc.HealthServicer):
    """Holds one status per name; "" is the server as a whole."""

    def __init__(self) -> None:
        self._status: dict[str, int] = {"": NOT_SERVING}
        self._changed = asyncio.Event()
        self._closed = False

    def add_to(self, server: Server) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def set(self, statuses: Mapping[str, int]) -> None:
        """Replaces all statuses at once; names that are not given become unknown."""
        if not self._closed and self._status != statuses:
            self._status = dict(statuses)
            self._wake()

    def shut_down(self) -> None:
        """Says NOT_SERVING for every name from now on, and ends all watches with it."""
        self._status = dict.fromkeys(self._status, NOT_SERVING)
        self._closed = True
        self._wake()

    def end_watches(self) -> None:
        """Ends all watches, and changes no status: another server answers for the same names."""
        self._closed = True
        self._wake()

    def statistics(self) -> dict[str, int]:
        return dict(self._status)

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        status = self._status.get(request.service)
        if status is None:
            raise NotFound(f"no service {request.service!r} here")
        return health_pb2.HealthCheckResponse(status=status)

    async def List(
        self, request: health_pb2.HealthListRequest, context: Context
    ) -> health_pb2.HealthListResponse:
        return health_pb2.HealthListResponse(
            statuses={
                name: health_pb2.HealthCheckResponse(status=status)
                for name, status in self._status.items()
            }
        )

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        said = None
        while True:
            changed = self._changed
            status = self._status.get(request.service, SERVICE_UNKNOWN)
            if status != said:
                said = status
                yield health_pb2.HealthCheckResponse(status=status)
                # What changed while that was sent is told before anything ends or waits.
                continue
            if self._closed:
                return
            await changed.wait()

    def _wake(self) -> None:
        # One event per change: a watcher holds only the event that it waits for, so a watcher
        # that goes away leaves nothing behind.
        self._changed.set()
        self._changed = asyncio.Event()
