"""When a connection is pinged, and when it is closed: keepalive, idleness and age (gRFC A9).

The policy of one connection, which is told the time; `watch` asks it. Nothing is done per call.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

# grpc's own names, in milliseconds; 2^31 - 1 is "never". See docs/rpc.md for what is kinder.
NEVER = (1 << 31) - 1
KNOWN = {
    "grpc.keepalive_time_ms": 7_200_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 1,
    # GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS. The C-core's 300 s closes the
    # connection of a client that pings each minute, which proxies and NAT make clients do.
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
    "grpc.http2.max_ping_strikes": 2,
    "grpc.max_connection_idle_ms": NEVER,
    "grpc.max_connection_age_ms": NEVER,
    "grpc.max_connection_age_grace_ms": NEVER,
}
# What a client without calls may do where permit_without_calls is 0, as in the C-core.
RARELY = 7200.0
# Between the notice and the GOAWAY that names the last call: one may be on its way.
NOTICE = 0.05
JITTER = 0.1
# Looks per max_connection_idle: it is late by a fourth at most.
LOOKS = 4


class Rules(NamedTuple):
    """Seconds, math.inf for never."""

    time: float
    timeout: float
    without_calls: bool
    interval: float
    strikes: int
    idle: float
    age: float
    grace: float

    @classmethod
    def of(cls, values: Mapping[str, int]) -> Rules:
        def seconds(name: str) -> float:
            return math.inf if values[name] >= NEVER else values[name] / 1000

        return cls(
            time=seconds("grpc.keepalive_time_ms"),
            timeout=seconds("grpc.keepalive_timeout_ms"),
            without_calls=bool(values["grpc.keepalive_permit_without_calls"]),
            interval=seconds("grpc.http2.min_ping_interval_without_data_ms"),
            strikes=values["grpc.http2.max_ping_strikes"],
            idle=seconds("grpc.max_connection_idle_ms"),
            age=seconds("grpc.max_connection_age_ms"),
            grace=seconds("grpc.max_connection_age_grace_ms"),
        )


class Signs(NamedTuple):
    """What is seen of a connection: when it was last heard, its open streams, its latest one."""

    heard: float
    streams: int
    latest: int


class Act(enum.Enum):
    """What is to be done."""

    NOTHING = enum.auto()
    PING = enum.auto()
    ANNOUNCE = enum.auto()
    REFUSE = enum.auto()
    END = enum.auto()
    ABORT = enum.auto()


class Keeper:
    """The rules applied to one connection; `draw` gives numbers of [0, 1)."""

    __slots__ = (
        "_debt",
        "_end",
        "_old",
        "_pinged",
        "_quiet",
        "_refuse",
        "_seen",
        "_theirs",
        "reason",
        "rules",
    )

    def __init__(self, rules: Rules, now: float, draw: Callable[[], float]) -> None:
        self.rules = rules
        self.reason = ""
        self._old = now + rules.age * (1 - JITTER + 2 * JITTER * draw())
        self._quiet = now
        self._seen = 0
        self._pinged = self._refuse = self._end = math.inf
        self._theirs = -math.inf
        self._debt = 0.0

    def look(self, now: float, signs: Signs) -> tuple[Act, float]:
        """What to do, and when to look again; math.inf for never."""
        rules = self.rules
        if signs.streams or signs.latest != self._seen:
            self._quiet, self._seen = now, signs.latest
        if signs.heard > self._pinged:
            self._pinged = math.inf
        act = Act.NOTHING
        if now >= self._pinged + rules.timeout:
            self.reason = "keepalive"
            return Act.ABORT, math.inf
        if now >= self._end:
            return Act.END, math.inf
        if now >= self._refuse:
            self._refuse, act = math.inf, Act.REFUSE
        elif not self.reason and now >= min(self._old, self._quiet + rules.idle):
            self.reason = "age" if now >= self._old else "idle"
            self._refuse, self._end = now + NOTICE, now + NOTICE + rules.grace
            act = Act.ANNOUNCE
        elif (
            self._pinged == math.inf
            and now >= signs.heard + rules.time
            and (signs.streams or rules.without_calls)
        ):
            self._pinged, act = now, Act.PING
        return act, self._next(now, signs)

    def pinged(self, now: float, pings: int, spoke: bool, streams: int) -> bool:
        """Counts the client's pings; False if there were too many.

        Each is owed until an interval has passed. So one that comes early, as it does when the one
        before was held up on its way, is made up for by the next, and who pings as often as it may
        can do so for ever.

        Args:
            spoke: Whether headers or data went out since the last ones.
        """
        rules = self.rules
        least = rules.interval if streams or rules.without_calls else RARELY
        if spoke:
            self._debt = 0
        passed = now - self._theirs
        paid = passed / least if least > 0 else math.inf
        self._debt = max(0.0, self._debt - paid) + pings
        self._theirs = now
        # The first one is none too early.
        if rules.strikes and self._debt > rules.strikes + 1:
            self.reason = "too_many_pings"
            return False
        return True

    def _next(self, now: float, signs: Signs) -> float:
        rules = self.rules
        ping = self._pinged + rules.timeout
        if self._pinged == math.inf:
            ping = signs.heard + rules.time
            if ping <= now:
                ping = now + rules.time
        if self.reason:
            return min(ping, self._refuse, self._end)
        idle = min(self._quiet + rules.idle, now + rules.idle / LOOKS)
        return min(ping, self._old, idle)
