"""Puts a gateway together. It runs in a worker like any service; its server is its front."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from tercet.cluster.messages import Acknowledged
from tercet.cluster.worker import Worker
from tercet.errors import ConfigError
from tercet.gateway._endpoint import Endpoint
from tercet.gateway._upstream import Upstream
from tercet.gateway.access_log import AccessLog
from tercet.gateway.admin import Admin, serve
from tercet.gateway.aggregate import AggregateReflection
from tercet.gateway.config import EVERYTHING, GatewayConfig
from tercet.gateway.dataplane import Dataplane, region_of
from tercet.gateway.fleet import Fleet
from tercet.gateway.keeper import Keeper
from tercet.gateway.metrics.peers import Peers
from tercet.gateway.observed import Gateway
from tercet.gateway.routes import Routes
from tercet.gateway.serving import Serving
from tercet.gateway.sources.configured import configured
from tercet.gateway.sources.source import Address
from tercet.gateway.sources.supervisor import Supervisor
from tercet.gateway.tls import Tls
from tercet.rpc import reflection
from tercet.rpc.base import Server
from tercet.rpc.health import Health
from tercet.rpc.native.server import NativeServer


async def register(server: Server, *, worker: Worker, **options: Any) -> None:
    """Makes a server the front of the mesh that `worker` is part of.

    Raises:
        ConfigError: The server is not of the native engine, which alone can carry calls on.
    """
    if not isinstance(server, NativeServer):
        raise ConfigError("a gateway needs the native engine", hint="leave its engine alone")
    config = msgspec.convert(options, GatewayConfig)
    front = Front(server, config, worker)
    await front.open()
    worker.on_drain(front.health.shut_down)
    worker.on_close(front.close)


class Front:
    """The parts of one gateway process."""

    def __init__(self, server: NativeServer, config: GatewayConfig, worker: Worker) -> None:
        self._server = server
        self._config = config
        self._worker = worker
        self._rng = Random()
        self._tls = Tls(config.upstream_tls) if config.upstream_tls else None
        self._dataplane = Dataplane(config, region_of(worker.spec), self._rng)
        self._fleet = Fleet(
            make_upstream=self._dataplane.make_upstream,
            make_endpoint=self._dataplane.make_endpoint,
            keep=self._keep,
            changed=self._changed,
        )
        self._routes = Routes(
            self._fleet.members,
            configured=config.routes,
            withheld=config.withheld,
            is_settled=lambda: self._fleet.is_settled,
            make=self._dataplane.make_route,
            remembered=server.known,
        )
        self._peers = Peers(worker.spec.service, worker.spec.slot)
        self._tasks: list[asyncio.Task[None]] = []
        self._log: AccessLog | None = None
        self.health = Health()
        self._serving = Serving(
            self._routes, self._fleet.members, self.health, now=asyncio.get_running_loop().time
        )

    async def open(self) -> None:
        config, worker = self._config, self._worker
        self.health.add_to(self._server)
        reflection.add_to(self._server, AggregateReflection(self._routes))
        self._server.forward(self._routes.route)
        if config.access_log:
            self._log = AccessLog(self._dataplane.take_log, config.access_log)
            self._log.start()
            worker.on_reopen(self._log.reopen)
        admin = Admin(self._seen())
        if config.admin:
            await serve(admin, worker)
        if config.metrics:
            # What only those who are scraped need.
            from tercet.gateway.metrics.serve import serve as serve_metrics

            listener = serve_metrics(config.metrics, admin.metrics, self._peers)
            worker.on_close(lambda: asyncio.to_thread(listener.stop))
        mesh = Supervisor(
            listed=self._peers.update, taken=lambda version: worker.send(Acknowledged(version))
        )
        worker.on_message(mesh.hear)
        self._fleet.follow(mesh)
        for source in configured(config, self._rng):
            self._fleet.follow(source)
        self._tasks.append(asyncio.create_task(self._serving.follow()))
        # It does not listen before: its predecessor takes the connections as long as it must.
        await self._serving.ready()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._fleet.close()
        if self._log:
            await self._log.close()
        self._dataplane.close()

    def _keep(
        self,
        upstream: Upstream,
        endpoint: Endpoint,
        address: Address,
        connected: Callable[[], None],
        failed: Callable[[], None],
    ) -> Keeper:
        return Keeper(
            upstream,
            endpoint,
            address,
            lambda leave_taken: self._dataplane.make_subchannel(endpoint, leave_taken),
            checks=self._config.health_checks,
            tls=self._tls,
            rng=self._rng,
            connected=connected,
            failed=failed,
        )

    def _changed(self) -> None:
        self._routes.update()
        self._serving.update()

    def _statistics(self) -> dict[str, Any]:
        return {
            **self._server.statistics(),
            "endpoint_limits": self._dataplane.plane.statistics()["limits"],
        }

    def _seen(self) -> Gateway:
        return Gateway(
            slot=self._worker.spec.slot,
            upstreams=lambda: [each.upstream for each in self._fleet.members.values()],
            services=self._services,
            routes=self._routes.by_path,
            server=self._statistics,
            dropped_records=lambda: self._log.dropped if self._log else 0,
        )

    def _services(self) -> dict[str, Upstream]:
        found = {name: member.upstream for name, member in self._routes.services().items()}
        if other := self._routes.everything_else():
            found[EVERYTHING] = other.upstream
        return found
