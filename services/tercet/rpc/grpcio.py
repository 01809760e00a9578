"""The engine `grpcio`: the stock C-core server behind the seam."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import grpc
import grpc.aio

from tercet.rpc.base import Server
from tercet.rpc.types import MethodHandler


class GrpcioServer(Server):
    """Delegates everything to a server of `grpc.aio.server()` and notes what is registered."""

    def __init__(self, inner: grpc.aio.Server) -> None:
        self._inner = inner
        self._names: dict[str, None] = {}
        self._is_empty = True

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(self._names)

    @property
    def is_empty(self) -> bool:
        return self._is_empty

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

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        return await self._inner.wait_for_termination(timeout)
