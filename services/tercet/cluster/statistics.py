"""What a worker's server has counted, as `Report` carries it.

It is `statistics()` of its engine, which leaves out what it does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

Name = TypeVar("Name", int, str)
Number = TypeVar("Number", int, float)


class Loop(msgspec.Struct, frozen=True):
    """How the worker's event loop does."""

    # Seconds by which it was last late.
    lag: float
    # Seconds that a no-op last waited for a thread of the handlers' pool; -1 if there is none.
    pool_wait: float = -1.0


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
    # Of those that have ended, by path and status.
    calls: dict[str, dict[int, int]] = {}
    # Bounds in seconds, and calls by path and bucket, those above all bounds last.
    latency_buckets: list[float] = []
    latency: dict[str, list[int]] = {}
    # What they took together, by path.
    seconds: dict[str, float] = {}
    # How often each limit was applied.
    limits: dict[str, int] = {}
    loop: Loop | None = None

    @property
    def lag(self) -> float | None:
        return self.loop.lag if self.loop else None

    @property
    def pool_wait(self) -> float | None:
        return self.loop.pool_wait if self.loop and self.loop.pool_wait >= 0 else None

    @property
    def begun(self) -> int:
        """Calls that have begun."""
        if self.streams_begun is not None:
            return self.streams_begun
        ended = sum(sum(codes.values()) for codes in self.calls.values())
        return ended + (self.calls_running or 0)

    def durations(self) -> list[int]:
        """Calls by bucket, of all methods together."""
        return [sum(those) for those in zip(*self.latency.values(), strict=True)]


def decode(raw: msgspec.Raw) -> Statistics:
    """
    Raises:
        msgspec.DecodeError: They are none.
    """
    return msgspec.json.decode(raw, type=Statistics)


def added(one: Statistics, other: Statistics) -> Statistics:
    """What two workers have counted, together."""
    return Statistics(
        connections=_sum(one.connections, other.connections),
        connections_accepted=_sum(one.connections_accepted, other.connections_accepted),
        bytes_received=_sum(one.bytes_received, other.bytes_received),
        bytes_sent=_sum(one.bytes_sent, other.bytes_sent),
        streams_begun=_sum(one.streams_begun, other.streams_begun),
        calls_running=_sum(one.calls_running, other.calls_running),
        calls_queued=_sum(one.calls_queued, other.calls_queued),
        calls={
            path: _counts(one.calls.get(path, {}), other.calls.get(path, {}))
            for path in {**one.calls, **other.calls}
        },
        latency_buckets=other.latency_buckets or one.latency_buckets,
        latency=_latencies(one, other),
        # With histograms that are not put together theirs would be the sum of something else.
        seconds=_counts(one.seconds, other.seconds) if _alike(one, other) else other.seconds,
        limits=_counts(one.limits, other.limits),
        loop=_worse(one.loop, other.loop),
    )


def ended(statistics: Statistics) -> Statistics:
    """What is left of a worker that is gone: it has nothing now."""
    nothing = dict.fromkeys(("connections", "calls_running", "calls_queued", "loop"))
    return msgspec.structs.replace(statistics, **nothing)


def _latencies(one: Statistics, other: Statistics) -> dict[str, list[int]]:
    if not _alike(one, other):
        return other.latency
    found: dict[str, list[int]] = dict(one.latency)
    for path, counts in other.latency.items():
        found[path] = _added(found.get(path), counts)
    return found


def _alike(one: Statistics, other: Statistics) -> bool:
    """Whether their histograms can be told in one; not if they are of two versions of ours."""
    return not (one.latency_buckets and one.latency_buckets != other.latency_buckets != [])


def _added(one: Sequence[int] | None, other: Sequence[int]) -> list[int]:
    return list(other) if one is None else [sum(pair) for pair in zip(one, other, strict=True)]


def _counts(one: Mapping[Name, Number], other: Mapping[Name, Number]) -> dict[Name, Number]:
    # Unlike Counter's sum with its zeros: a limit that was never applied is something to know.
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _worse(one: Loop | None, other: Loop | None) -> Loop | None:
    if one is None or other is None:
        return one or other
    return Loop(max(one.lag, other.lag), max(one.pool_wait, other.pool_wait))


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
