"""What a worker's server has counted: as `Report` carries it, and as the control process reads it.

The worker writes down what its engine tells (`NativeServer.statistics()`); what that is not, is
left out. Imports nothing that a process may not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

Number = TypeVar("Number", int, float)


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the worker's start; None and {} are not known."""

    connections: int | None = None
    connections_accepted: int | None = None
    bytes_received: int | None = None
    bytes_sent: int | None = None
    streams_begun: int | None = None
    calls_running: int | None = None
    # Of those that run: their handlers have not been entered.
    calls_queued: int | None = None
    # (method, status, calls), of those that have ended.
    calls: list[tuple[str, int, int]] = []
    # Bounds in seconds, and calls by method and bucket, those above all bounds last.
    latency_buckets: list[float] = []
    latency: dict[str, list[int]] = {}
    # How often each limit was applied.
    limits: dict[str, int] = {}
    # Seconds by which the loop was last late.
    lag: float | None = None
    # Seconds that a no-op last waited for a thread of the handlers' pool.
    pool_wait: float | None = None

    @property
    def begun(self) -> int:
        """Calls that have begun."""
        if self.streams_begun is not None:
            return self.streams_begun
        return sum(count for _, _, count in self.calls) + (self.calls_running or 0)

    def durations(self) -> list[int]:
        """Calls by bucket, of all methods together."""
        return [sum(those) for those in zip(*self.latency.values(), strict=True)]


def encode(statistics: Mapping[str, Any]) -> msgspec.Raw:
    """`statistics()` of a server as JSON, which has no pairs for keys."""
    calls = [(path, code, count) for (path, code), count in statistics.get("calls", {}).items()]
    return msgspec.Raw(msgspec.json.encode({**statistics, "calls": calls}))


def decode(raw: msgspec.Raw) -> Statistics:
    """
    Raises:
        msgspec.DecodeError: It is not what `encode` has made.
    """
    return msgspec.json.decode(raw, type=Statistics)


def added(one: Statistics, other: Statistics) -> Statistics:
    """What two workers have counted, together."""
    calls: Counter[tuple[str, int]] = Counter()
    for path, code, count in (*one.calls, *other.calls):
        calls[path, code] += count
    return Statistics(
        connections=_sum(one.connections, other.connections),
        connections_accepted=_sum(one.connections_accepted, other.connections_accepted),
        bytes_received=_sum(one.bytes_received, other.bytes_received),
        bytes_sent=_sum(one.bytes_sent, other.bytes_sent),
        streams_begun=_sum(one.streams_begun, other.streams_begun),
        calls_running=_sum(one.calls_running, other.calls_running),
        calls_queued=_sum(one.calls_queued, other.calls_queued),
        calls=[(path, code, count) for (path, code), count in calls.items()],
        latency_buckets=other.latency_buckets or one.latency_buckets,
        latency=_latencies(one, other),
        limits={**Counter(one.limits) + Counter(other.limits), **_zeros(one, other)},
        lag=_most(one.lag, other.lag),
        pool_wait=_most(one.pool_wait, other.pool_wait),
    )


def ended(statistics: Statistics) -> Statistics:
    """What is left of a worker that is gone: it has nothing now."""
    nothing = dict.fromkeys(("connections", "calls_running", "calls_queued", "lag", "pool_wait"))
    return msgspec.structs.replace(statistics, **nothing)


def _latencies(one: Statistics, other: Statistics) -> dict[str, list[int]]:
    if one.latency_buckets and one.latency_buckets != other.latency_buckets != []:
        # Of another version of ours: they cannot be told in one.
        return other.latency
    found: dict[str, list[int]] = dict(one.latency)
    for path, counts in other.latency.items():
        found[path] = _added(found.get(path), counts)
    return found


def _added(one: Sequence[int] | None, other: Sequence[int]) -> list[int]:
    return list(other) if one is None else [sum(pair) for pair in zip(one, other, strict=True)]


def _zeros(one: Statistics, other: Statistics) -> dict[str, int]:
    # Adding counters drops them, but a limit that was never applied is something to know.
    return {
        name: 0
        for name in {**one.limits, **other.limits}
        if not one.limits.get(name) and not other.limits.get(name)
    }


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return other if one is None else one if other is None else one + other


def _most(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)
