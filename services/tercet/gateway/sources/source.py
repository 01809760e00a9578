"""What a source of upstreams is, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Address:
    """One endpoint that a source has found.

    Attributes:
        target: A gRPC target: "unix:PATH", "ipv4:HOST:PORT" or "ipv6:[HOST]:PORT". It is also the
            endpoint's identity: a worker's socket is named after its generation.
        weight: Its share of the calls, beside those of the others.
        host: The name that was resolved to it, which its certificate must show; "" if there is
            none, and the address itself is what must be shown.
    """

    target: str
    weight: float = 1.0
    host: str = ""


@dataclass(frozen=True)
class Found:
    """One upstream, as its source knows it now.

    Attributes:
        name: Unique among all sources.
        addresses: Of the endpoints that may be connected to; none if none is ready: calls are
            then UNAVAILABLE.
        grpc_services: Full names of the gRPC services that it serves; None if that is not known.
        tells: Whether the source will tell; if not, the upstream itself must be asked.
        expected: Whether there will be one more endpoint soon: calls had better wait for it than
            fail, if there is no other.
    """

    name: str
    addresses: tuple[Address, ...]
    grpc_services: frozenset[str] | None = None
    tells: bool = False
    expected: bool = False


Update = Callable[[Sequence[Found]], None]


class Source(Protocol):
    """Finds upstreams, and goes on looking."""

    async def follow(self, update: Update) -> None:
        """Calls `update` with all that there is now, then again after each change, for ever.

        An upstream that is not named any more is gone.
        """
        ...

    def failed(self) -> None:
        """Somebody could not connect to one of the addresses: it may be time to look again."""
        ...
