"""How long a peer may take: for its greeting, for its headers, for its requests, and to read.

The policy of one connection, which is told the time; `watch` asks it. Slowloris (CVE-2007-6750) and
its like hold a server with next to no traffic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

NEVER = (1 << 31) - 1
# In milliseconds; 2^31 - 1 is "never".
KNOWN = {
    # From the connection to its TLS handshake, and from there to its first SETTINGS. The C-core has
    # 120 s, Envoy and Go 10 to 15.
    "grpc.server_handshake_timeout_ms": 20_000,
    # From the first to the last frame of a header block, which holds up its connection. nginx
    # allows 60 s (client_header_timeout), Apache 20.
    "tercet.headers_timeout_ms": 20_000,
    # In which a request that is to be whole before its handler is called makes no progress: nginx's
    # client_body_timeout.
    "tercet.request_timeout_ms": 60_000,
    # In which a client takes nothing of finished answers, or of what its socket was sent. Envoy's
    # stream_idle_timeout has the same 5 min.
    "tercet.stalled_ms": 300_000,
}
# Octets a second that count as reading (Apache's mod_reqtimeout, MinRate).
LEAST_RATE = 500
LOOKS = 4


class Patience(NamedTuple):
    """Seconds, math.inf for ever."""

    handshake: float
    headers: float
    request: float
    stalled: float

    @classmethod
    def of(cls, values: Mapping[str, int]) -> Patience:
        return cls(*(math.inf if values[name] >= NEVER else values[name] / 1000 for name in KNOWN))


class Slowness(NamedTuple):
    """What is seen of a connection.

    Attributes:
        greeted: Its first SETTINGS have come.
        block: The number of the header block that has begun and not ended; 0 if there is none.
        half_open: Requests that are not whole.
        waiting: Finished answers, or the socket, wait for the client to read.
        given: Bytes that have been given to the socket.
    """

    greeted: bool
    block: int
    half_open: int
    waiting: bool
    given: int


class Patient:
    """Applied to one connection."""

    __slots__ = ("_begun", "_block", "_block_since", "_given", "_since", "patience")

    def __init__(self, patience: Patience, now: float) -> None:
        self.patience = patience
        self._begun = now
        self._block = 0
        self._block_since = now
        self._given = 0
        self._since = math.inf

    def look(self, now: float, seen: Slowness) -> tuple[str, float]:
        """The limit that it has gone beyond, or "", and when to look again.

        math.inf: not before something begins that may take too long.
        """
        then = math.inf
        if not seen.greeted:
            then = self._begun + self.patience.handshake
            if now >= then:
                return "handshake_timeout", math.inf
        if seen.block:
            if seen.block != self._block:
                self._block, self._block_since = seen.block, now
            due = self._block_since + self.patience.headers
            if now >= due:
                return "headers_timeout", math.inf
            then = min(then, due)
        if not seen.waiting:
            self._since = math.inf
        elif self._since == math.inf or (
            seen.given - self._given > LEAST_RATE * (now - self._since) > 0
        ):
            self._since, self._given = now, seen.given
        elif now >= self._since + self.patience.stalled:
            return "stalled", math.inf
        if seen.waiting or seen.half_open or seen.block:
            # Until nothing is left it is not told what else begins: so it looks often enough.
            patience = self.patience
            then = min(
                then,
                now + min(patience.headers, patience.request / LOOKS, patience.stalled / LOOKS),
            )
        return "", then
