"""Puts `/metrics` together: one address for all gateway processes, and whichever is asked answers
for all of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import CollectorRegistry

from tercet.cluster.address import Bind
from tercet.cluster.scrapes import Listener, only_metrics
from tercet.gateway.metrics.collector import Gateways
from tercet.gateway.metrics.peers import PATIENCE, Answers, Peers
from tercet.gateway.v1 import gateway_pb2

# Seconds that a scrape waits for this process's own loop, beyond what others may take.
MARGIN = 2.0


def serve(bind: str, own: Callable[[], gateway_pb2.GetMetricsResponse], peers: Peers) -> Listener:
    """Serves /metrics until the listener is stopped. To be called on the gateway's loop.

    Args:
        bind: "host:port"; all gateway processes may have the same.
        own: The metrics of this process; called on the loop.

    Raises:
        ConfigError: It cannot be bound.
    """
    loop = asyncio.get_running_loop()
    # Scrapes come one after the other: several at once would only take longer each.
    turn = threading.Lock()

    async def gather() -> Answers:
        others = await peers.ask()
        mine = own()
        return {**others, mine.gateway: mine}

    def ask() -> Answers:
        with turn:
            asked = asyncio.run_coroutine_threadsafe(gather(), loop)
            try:
                return asked.result(PATIENCE + MARGIN)
            finally:
                asked.cancel()

    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(Gateways(ask))
    return Listener(Bind.parse(bind), only_metrics(make_wsgi_app(registry)))
