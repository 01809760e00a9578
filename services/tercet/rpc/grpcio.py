"""The engine `grpcio`: the stock C-core server behind the seam."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

import grpc
import grpc.aio

from tercet.rpc.base import Server
from tercet.rpc.counting import Counting
from tercet.rpc.types import MethodHandler

# A drain looks so often, in seconds, and is content when it has seen no call so many times.
LOOK = 0.02
QUIET_LOOKS = 5


class GrpcioServer(Server):
    """Delegates everything to a server of `grpc.aio.server()` and notes what is registered.

    Args:
        inner: The server.
        counting: Its first interceptor.
        thread_pool: The one that it was given, if any, for handlers that are plain functions.
    """

    def __init__(
        self, inner: grpc.aio.Server, counting: Counting, thread_pool: Executor | None = None
    ) -> None:
        self._inner = inner
        self._counting = counting
        self._thread_pool = thread_pool
        self._names: dict[str, None] = {}
        self._is_empty = True

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(self._names)

    @property
    def is_empty(self) -> bool:
        return self._is_empty

    @property
    def calls_begun(self) -> int:
        return self._counting.begun

    @property
    def calls_running(self) -> int:
        return self._counting.running

    def statistics(self) -> dict[str, Any]:
        return self._counting.statistics()

    def queue_in_pool(self, work: Callable[[], object]) -> bool:
        try:
            if self._thread_pool is not None:
                self._thread_pool.submit(work)
            elif self._counting.uses_threads:
                # grpc.aio has them run by the loop's own executor.
                asyncio.get_running_loop().run_in_executor(None, work)
            else:
                return False
        except RuntimeError:
            # It is shut down.
            return False
        return True

    def add_generic_rpc_handlers(
        self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]
    ) -> None:
        handlers = tuple(generic_rpc_handlers)
        self._inner.add_generic_rpc_handlers(handlers)
        for handler in handlers:
            self._is_empty = False
            if isinstance(handler, grpc.ServiceRpcHandler):
                self._names[handler.service_name()] = None

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, MethodHandler]
    ) -> None:
        self._inner.add_registered_method_handlers(service_name, method_handlers)
        self._names[service_name] = None
        self._is_empty = False

    def add_insecure_port(self, address: str) -> int:
        return self._inner.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        return self._inner.add_secure_port(address, server_credentials)

    async def start(self) -> None:
        await self._inner.start()

    async def stop(self, grace: float | None) -> None:
        await self._inner.stop(grace)

    async def drain(self, grace: float) -> None:
        # C-core's stop cancels calls that were received and not picked up yet (grpc/grpc#41785).
        # Callers that never stop calling have half of the grace: with the other half the last of
        # their calls can end.
        deadline = time.monotonic() + grace
        await self._quiet(deadline - grace / 2)
        await self._inner.stop(max(0.0, deadline - time.monotonic()))

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        return await self._inner.wait_for_termination(timeout)

    async def _quiet(self, until: float) -> None:
        """Waits until no call runs or comes, but no longer than that."""
        looks, begun = 0, self.calls_begun
        # Looks and not seconds: a loop that stood still has not picked up what came meanwhile.
        while looks < QUIET_LOOKS and time.monotonic() < until:
            await asyncio.sleep(LOOK)
            is_quiet = not self.calls_running and begun == self.calls_begun
            looks, begun = (looks + 1 if is_quiet else 0), self.calls_begun
