"""What a server counts: the source of its metrics."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

# Seconds; the latency buckets of gRFC A66.
BUCKETS = (
    *(0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006),
    *(0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2),
    *(0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
)


class Counters:
    """Counted on the loop's thread."""

    def __init__(self) -> None:
        self.connections = 0
        self.streams = 0
        self.bytes_received = 0
        self.bytes_sent = 0
        self._calls: dict[tuple[str, int], int] = {}
        self._latency: dict[str, list[int]] = {}

    def ended(self, method: str, code: int, seconds: float) -> None:
        key = method, code
        self._calls[key] = self._calls.get(key, 0) + 1
        buckets = self._latency.get(method)
        if buckets is None:
            buckets = self._latency[method] = [0] * (len(BUCKETS) + 1)
        buckets[bisect_left(BUCKETS, seconds)] += 1

    def snapshot(self) -> dict[str, Any]:
        """Calls by (method, code), latency by method; bytes and totals since the start.

        Calls that never reached a method are counted under "".
        """
        return {
            "connections_accepted": self.connections,
            "streams_begun": self.streams,
            "bytes_received": self.bytes_received,
            "bytes_sent": self.bytes_sent,
            "calls": dict(self._calls),
            "latency_buckets": BUCKETS,
            "latency": {method: list(counts) for method, counts in self._latency.items()},
        }
