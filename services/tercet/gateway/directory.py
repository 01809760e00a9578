"""Which upstream serves which gRPC service."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from random import Random

from tercet.cluster.v1 import cluster_pb2
from tercet.errors import PermissionDenied, Unimplemented
from tercet.gateway.p2c import LeastOfTwo
from tercet.gateway.upstream import Upstream

log = logging.getLogger("tercet.gateway")

# Answered by the gateway itself, for all upstreams.
OWN = ("grpc.health.", "grpc.reflection.")


class Directory:
    """The routes, from the newest list of workers.

    Args:
        withheld: Services of the mesh that are not routed, with the hint for the caller.
    """

    def __init__(self, withheld: Mapping[str, str]) -> None:
        self._withheld = withheld
        self._upstreams: dict[str, Upstream] = {}
        self._routes: dict[str, str] = {}
        self._warned: set[str] = set()

    def update(self, workers: Iterable[cluster_pb2.Worker]) -> None:
        """Takes over a list of workers.

        A route stays while its service has workers in any state: a call for a service whose
        workers are all gone is UNAVAILABLE, not UNIMPLEMENTED.
        """
        addresses: dict[str, list[str]] = {}
        for worker in workers:
            if not worker.routed:
                continue
            ready = addresses.setdefault(worker.service, [])
            if worker.state == cluster_pb2.WORKER_STATE_READY:
                ready.append(worker.address)
                self._route(worker)
        for name in self._upstreams.keys() - addresses.keys():
            self._upstreams.pop(name).update([])
        for name, ready in addresses.items():
            if name not in self._upstreams:
                self._upstreams[name] = Upstream(name, LeastOfTwo(Random()))
            self._upstreams[name].update(ready)
        self._routes = {
            grpc_service: name
            for grpc_service, name in self._routes.items()
            if name in self._upstreams
        }

    def find(self, grpc_service: str) -> Upstream:
        """The upstream of a full gRPC service name.

        Raises:
            Unimplemented: Nobody serves it.
            PermissionDenied: It is withheld.
        """
        name = self._routes.get(grpc_service)
        if name is None:
            raise Unimplemented(
                f"no upstream serves {grpc_service!r}",
                hint="`grpcurl ... list` shows what is served",
                reason="UNKNOWN_SERVICE",
            )
        if name in self._withheld:
            raise PermissionDenied(
                f"{grpc_service!r} is not exposed here",
                hint=self._withheld[name],
                reason="NOT_EXPOSED",
            )
        return self._upstreams[name]

    def services(self) -> dict[str, Upstream]:
        """The exposed gRPC services and their upstreams, sorted by name."""
        return {
            grpc_service: self._upstreams[name]
            for grpc_service, name in sorted(self._routes.items())
            if name not in self._withheld
        }

    def _route(self, worker: cluster_pb2.Worker) -> None:
        for grpc_service in worker.grpc_services:
            if grpc_service.startswith(OWN):
                continue
            name = self._routes.setdefault(grpc_service, worker.service)
            if name != worker.service and grpc_service not in self._warned:
                self._warned.add(grpc_service)
                log.warning(
                    "%s is served by both %s and %s; calls go to %s",
                    grpc_service,
                    name,
                    worker.service,
                    name,
                )
