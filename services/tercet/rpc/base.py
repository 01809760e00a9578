"""What every engine's server is."""

from __future__ import annotations

import abc

import grpc.aio


class Server(grpc.aio.Server):
    """A `grpc.aio.Server` that knows what it serves.

    Generated `add_XServicer_to_server` functions, interceptors, health and reflection servicers
    take it as they take grpc's own.
    """

    @property
    @abc.abstractmethod
    def service_names(self) -> tuple[str, ...]:
        """Full names of the registered services, in the order of their registration.

        A generic handler that is no `grpc.ServiceRpcHandler` (a catch-all) has no name.
        """

    @property
    @abc.abstractmethod
    def is_empty(self) -> bool:
        """Whether no handler was registered at all."""
