"""Channels of grpc.aio for what the gateway itself asks endpoints: health and reflection.

Calls do not pass here. A channel is a connection of its own, so that a check sees what a new
client would see.
"""

from __future__ import annotations

from typing import Any

import grpc.aio

from tercet.gateway.tls import Tls

OPTIONS: list[tuple[str, Any]] = [
    # Each has its own connection, whatever else this process is connected to.
    ("grpc.use_local_subchannel_pool", 1),
    # Descriptors of a large service.
    ("grpc.max_receive_message_length", -1),
    # What is not answered is asked again by us.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Else a proxy of the environment would be asked for what is behind this gateway.
    ("grpc.enable_http_proxy", 0),
]


def channel(target: str, *, host: str = "", tls: Tls | None = None) -> grpc.aio.Channel:
    """A channel to one endpoint; it connects when it is first used.

    Args:
        target: "unix:PATH", "ipv4:HOST:PORT" or "ipv6:[HOST]:PORT".
        host: Name that was resolved to it, if any.
    """
    if tls is None or target.startswith("unix:"):
        return grpc.aio.insecure_channel(target, options=OPTIONS)
    options = [*OPTIONS]
    if name := tls.server_name or host:
        options.append(("grpc.ssl_target_name_override", name))
    return grpc.aio.secure_channel(target, tls.credentials, options=options)
