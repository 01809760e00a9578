"""What of the data plane is looked at from outside: by the admin service, metrics and access log.

The native classes have these faces; so do the fakes of tests. All belong to the gateway's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Endpoint(Protocol):
    """One worker, or one address of a remote service."""

    drained: bool

    @property
    def identity(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def healthy(self) -> bool: ...
    @property
    def connected(self) -> bool: ...
    @property
    def failing(self) -> bool: ...
    @property
    def error(self) -> str: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def total_in_flight(self) -> int: ...
    def statistics(self) -> Mapping[str, int]:
        """calls, failures, retries, ejections, connects, connect_failures; all only grow."""


class Upstream(Protocol):
    """One service: its endpoints and the queue before them."""

    @property
    def name(self) -> str: ...
    @property
    def endpoints(self) -> Sequence[Endpoint]: ...
    @property
    def policy(self) -> object: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    def changed(self) -> None:
        """To be called when `drained` of an endpoint was written."""

    def statistics(self) -> Mapping[str, int]:
        """queued, queue_full, retries; all only grow."""


class Route(Protocol):
    """The calls of one path."""

    @property
    def upstream(self) -> Upstream | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def in_flight(self) -> int: ...
    def codes(self) -> Mapping[int, int]:
        """Ended calls by gRPC status."""

    def latencies(self) -> Sequence[int]:
        """Calls per bucket of tercet.rpc._ledger.BUCKETS, and those above all."""


class CallRecord(NamedTuple):
    """An ended call, as the data plane tells it for the access log; a plain tuple will do."""

    # UNIX time, s.
    begin: float
    path: str
    # The client's address, as gRPC writes it.
    peer: str
    code: int
    # Name of the Reason if the gateway has failed it, or "".
    reason: str
    upstream: str
    # Identity; "" if no endpoint was given the call.
    endpoint: str
    seconds: float
    # Of those, in the queue.
    queued_seconds: float
    request_bytes: int
    response_bytes: int
    # Endpoints that were tried.
    attempts: int


class Gateway(NamedTuple):
    """One gateway process.

    Args:
        slot: Which one of its service, from 0.
        upstreams: All there are.
        services: Full names of gRPC services and the upstreams that have them; "*" is any other.
        routes: By path. A path that is in it stays, or its counters would fall.
        server: `statistics()` of its front, a native server, and in "endpoint_limits" how often
            endpoints have gone beyond theirs.
        dropped_records: Of the access log: those that could not be written.
    """

    slot: int
    upstreams: Callable[[], Iterable[Upstream]]
    services: Callable[[], Mapping[str, Upstream]]
    routes: Callable[[], Mapping[str, Route]]
    server: Callable[[], Mapping[str, Any]]
    dropped_records: Callable[[], int] = int
