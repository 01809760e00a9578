"""One upstream, with what the control side knows of it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import grpc.aio

from tercet.gateway.sources.source import Source

if TYPE_CHECKING:
    from tercet.gateway._endpoint import Endpoint
    from tercet.gateway._upstream import Upstream


class Keeping(Protocol):
    """Who looks after an endpoint."""

    @property
    def channel(self) -> grpc.aio.Channel: ...

    def close(self) -> Coroutine[Any, Any, None]: ...


class Kept(NamedTuple):
    """An endpoint and who looks after it."""

    endpoint: Endpoint
    keeper: Keeping


class Member:
    """
    Args:
        source: Who has found it.

    Attributes:
        kept: Its endpoints, by their targets.
        grpc_services: Full names of what it serves; None if that is not known.
        tells: Whether the source tells what it serves. If not, it is asked, by reflection.
    """

    def __init__(self, upstream: Upstream, source: Source, *, tells: bool) -> None:
        self.upstream = upstream
        self.source = source
        self.tells = tells
        self.grpc_services: frozenset[str] | None = None
        self.kept: dict[str, Kept] = {}

    @property
    def serving(self) -> bool:
        """Whether an endpoint takes calls."""
        return any(takes_calls(kept.endpoint) for kept in self.kept.values())

    def channels(self) -> list[grpc.aio.Channel]:
        """To each endpoint, the likeliest to answer first."""
        likeliest = sorted(
            self.kept.values(),
            key=lambda kept: (takes_calls(kept.endpoint), kept.endpoint.connected),
            reverse=True,
        )
        return [kept.keeper.channel for kept in likeliest]


def takes_calls(endpoint: Endpoint) -> bool:
    return endpoint.connected and endpoint.healthy and not endpoint.drained
