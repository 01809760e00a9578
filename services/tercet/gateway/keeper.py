"""Looks after one endpoint: its connection, its health, and the channel to ask it things."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from tercet.cluster.backoff import Backoff
from tercet.gateway.channels import channel
from tercet.gateway.checks import Checks
from tercet.gateway.config import HealthChecks
from tercet.gateway.dialer import BASE, CEILING, LIVED, Dialer, Factory
from tercet.gateway.sources.source import Address
from tercet.gateway.tls import Tls

if TYPE_CHECKING:
    from tercet.gateway._endpoint import Endpoint
    from tercet.gateway._upstream import Upstream


class Keeper:
    """Works from when it is made, on a running loop, until it is closed.

    Args:
        address: What the source said of the endpoint.
        factory: Makes its subchannels.
        checks: How often to ask for its health.
        tls: None for plaintext.
        connected: Called back when there is a connection.
        failed: Called back when there is none.

    Attributes:
        channel: To the endpoint, for whoever asks it something; closed with this.
    """

    def __init__(
        self,
        upstream: Upstream,
        endpoint: Endpoint,
        address: Address,
        factory: Factory,
        *,
        checks: HealthChecks,
        tls: Tls | None,
        rng: Random,
        connected: Callable[[], None],
        failed: Callable[[], None],
    ) -> None:
        self.channel = channel(address.target, host=address.host, tls=tls)
        self._told = connected
        self._checks = None
        if checks.interval:
            self._checks = Checks(upstream, endpoint, self.channel, checks, rng=rng)
        self._dialer = Dialer(
            upstream,
            endpoint,
            factory,
            backoff=Backoff(rng=rng, base=BASE, ceiling=CEILING, stable=LIVED),
            context=tls.context if tls else None,
            server_name=(tls.server_name if tls else "") or address.host,
            connected=self._connected,
            failed=failed,
        )
        self._tasks = [asyncio.create_task(self._dialer.run())]
        if self._checks:
            self._tasks.append(asyncio.create_task(self._checks.run()))

    async def close(self) -> None:
        """Gives up the endpoint; calls that it has go on to their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.channel.close()

    def _connected(self) -> None:
        if self._checks:
            self._checks.soon()
        self._told()
