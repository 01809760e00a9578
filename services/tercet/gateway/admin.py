"""tercet.gateway.v1.Gateway: what a gateway process is asked and told by its operator."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from tercet.cluster.worker import Worker
from tercet.errors import ConfigError, InvalidArgument, NotFound
from tercet.gateway.admin_socket import admin_socket
from tercet.gateway.metrics.families import Families
from tercet.gateway.observed import Endpoint, Gateway, Upstream
from tercet.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from tercet.rpc import reflection
from tercet.rpc.engines import server as make_server
from tercet.rpc.types import Context

log = logging.getLogger("tercet.gateway")

# Endpoints that a hint names.
MOST_NAMED = 20


async def serve(admin: Admin, worker: Worker) -> None:
    """Serves the admin service until the worker is closed: while it drains too.

    Raises:
        ConfigError: The path of its socket is too long.
    """
    address = admin_socket(worker.spec.address)
    path = Path(address.removeprefix("unix:"))
    server = make_server(engine="native")
    gateway_pb2_grpc.add_GatewayServicer_to_server(admin, server)
    reflection.add_to(server, reflection.local(server.service_names))
    # For this user alone: it is told to drain without any further question.
    mask = os.umask(0o177)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise ConfigError(
            f"cannot bind the admin socket {address}: {error}",
            hint="if it is too long, set TERCET_RUNTIME_DIR to a shorter directory",
        ) from error
    finally:
        os.umask(mask)
    await server.start()

    async def close() -> None:
        await server.stop(0)
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - what waits is an event loop that ends

    worker.on_close(close)


class Admin(gateway_pb2_grpc.GatewayServicer):
    """Reads and writes the data plane on its own loop, so that each answer is of one moment."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._families = Families(gateway)

    async def ListUpstreams(
        self, request: gateway_pb2.ListUpstreamsRequest, context: Context
    ) -> gateway_pb2.ListUpstreamsResponse:
        routes: dict[str, list[str]] = {}
        for service, upstream in self._gateway.services().items():
            routes.setdefault(upstream.name, []).append(service)
        return gateway_pb2.ListUpstreamsResponse(
            gateway=self._gateway.slot,
            upstreams=[
                upstream_to_proto(upstream, sorted(routes.get(upstream.name, ())))
                for upstream in sorted(self._gateway.upstreams(), key=lambda each: each.name)
            ],
        )

    async def DrainEndpoint(
        self, request: gateway_pb2.DrainEndpointRequest, context: Context
    ) -> gateway_pb2.DrainEndpointResponse:
        changed = self._set_drained(request.upstream, request.endpoint, True)
        return gateway_pb2.DrainEndpointResponse(endpoints=changed)

    async def UndrainEndpoint(
        self, request: gateway_pb2.UndrainEndpointRequest, context: Context
    ) -> gateway_pb2.UndrainEndpointResponse:
        changed = self._set_drained(request.upstream, request.endpoint, False)
        return gateway_pb2.UndrainEndpointResponse(endpoints=changed)

    async def GetMetrics(
        self, request: gateway_pb2.GetMetricsRequest, context: Context
    ) -> gateway_pb2.GetMetricsResponse:
        return self.metrics()

    def metrics(self) -> gateway_pb2.GetMetricsResponse:
        """The samples of this process."""
        return gateway_pb2.GetMetricsResponse(
            gateway=self._gateway.slot, families=self._families.read()
        )

    def _set_drained(self, name: str, wanted: str, drained: bool) -> list[gateway_pb2.Endpoint]:
        if not wanted:
            raise InvalidArgument("no endpoint is named", field="endpoint")
        found = [
            (upstream, endpoint)
            for upstream, endpoint in self._endpoints(name)
            if wanted in (endpoint.identity, endpoint.address)
        ]
        if not found:
            raise self._no_endpoint(name, wanted)
        for upstream, endpoint in found:
            if endpoint.drained is not drained:
                endpoint.drained = drained
                upstream.changed()
                did = "is drained" if drained else "takes calls again"
                log.info("%s of %s %s", endpoint.identity, upstream.name, did)
        return [endpoint_to_proto(endpoint) for _, endpoint in found]

    def _endpoints(self, name: str) -> Iterator[tuple[Upstream, Endpoint]]:
        for upstream in self._gateway.upstreams():
            if name in ("", upstream.name):
                for endpoint in upstream.endpoints:
                    yield upstream, endpoint

    def _no_endpoint(self, name: str, wanted: str) -> NotFound:
        known = sorted({endpoint.identity for _, endpoint in self._endpoints(name)})
        if known:
            more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
            hint = f"there are {', '.join(known[:MOST_NAMED])}{more}"
        else:
            upstreams = sorted(upstream.name for upstream in self._gateway.upstreams())
            hint = f"there are the upstreams {', '.join(upstreams)}" if upstreams else ""
        return NotFound(
            f"{f'upstream {name!r}' if name else 'no upstream'} has "
            f"{'no' if name else 'an'} endpoint {wanted!r}",
            hint=hint,
            reason="NO_ENDPOINT",
        )


def upstream_to_proto(upstream: Upstream, routes: list[str]) -> gateway_pb2.Upstream:
    counts = upstream.statistics()
    return gateway_pb2.Upstream(
        name=upstream.name,
        endpoints=[
            endpoint_to_proto(endpoint)
            for endpoint in sorted(upstream.endpoints, key=lambda each: each.identity)
        ],
        policy=type(upstream.policy).__name__,
        concurrency=upstream.concurrency,
        waiting=upstream.waiting,
        queued=counts["queued"],
        queue_full=counts["queue_full"],
        retries=counts["retries"],
        routes=routes,
    )


def endpoint_to_proto(endpoint: Endpoint) -> gateway_pb2.Endpoint:
    counts = endpoint.statistics()
    return gateway_pb2.Endpoint(
        identity=endpoint.identity,
        address=endpoint.address,
        weight=endpoint.weight,
        state=state_of(endpoint),
        in_flight=endpoint.in_flight,
        total_in_flight=endpoint.total_in_flight,
        calls=counts["calls"],
        failures=counts["failures"],
        retries=counts["retries"],
        ejections=counts["ejections"],
        connects=counts["connects"],
        connect_failures=counts["connect_failures"],
        error=endpoint.error,
    )


def state_of(endpoint: Endpoint) -> gateway_pb2.EndpointState:
    """The first of the states in the contract that is true."""
    if endpoint.drained:
        if endpoint.in_flight:
            return gateway_pb2.ENDPOINT_STATE_DRAINING
        return gateway_pb2.ENDPOINT_STATE_DRAINED
    if endpoint.failing:
        return gateway_pb2.ENDPOINT_STATE_FAILING
    if not endpoint.healthy:
        return gateway_pb2.ENDPOINT_STATE_UNHEALTHY
    if not endpoint.connected:
        return gateway_pb2.ENDPOINT_STATE_CONNECTING
    return gateway_pb2.ENDPOINT_STATE_READY
