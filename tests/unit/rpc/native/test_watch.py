"""The watch of a connection: what it does of what the rules say, on a loop of the test's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from tercet.rpc._limits import Limits
from tercet.rpc.native import keepalive
from tercet.rpc.native.keepalive import Rules
from tercet.rpc.native.patience import Patience
from tercet.rpc.native.watch import Watch

NEVER = (1 << 31) - 1
NO_RULES = dict.fromkeys(keepalive.KNOWN, NEVER)
FOR_EVER = Patience(math.inf, math.inf, math.inf, math.inf)


class Loop:
    """A clock that the test moves, and its timers."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None], Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, do: Callable[[], None]) -> Any:
        loop = self

        class Handle:
            def cancel(self) -> None:
                loop.timers = [each for each in loop.timers if each[2] is not self]

        handle = Handle()
        self.timers.append((when, do, handle))
        return handle

    def until(self, when: float) -> None:
        while self.timers and min(self.timers, key=lambda each: each[0])[0] <= when:
            timer = min(self.timers, key=lambda each: each[0])
            self.timers.remove(timer)
            self.now = timer[0]
            timer[1]()
        self.now = when


class Connection:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.heard, self.streams, self.latest = 100.0, 0, 0
        self.greeted, self.block, self.half_open, self.waiting, self.given = True, 0, 0, False, 0
        self.done: list[str] = []

    def signs(self) -> tuple[float, int, int]:
        return self.heard, self.streams, self.latest

    def slowness(self) -> tuple[bool, int, int, bool, int]:
        return self.greeted, self.block, self.half_open, self.waiting, self.given

    def reset_overdue(self, moment: float, timeout: float) -> None:
        self.done.append(f"reset overdue at {moment:g}")

    def calm(self, reason: str) -> None:
        self.done.append(f"calm {reason}")

    def calmed_down(self) -> None:
        self.done.append("calmed down")

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.done.append(name)


class Watching:
    """A watch, and all that it deals with."""

    def __init__(self, patience: Patience = FOR_EVER, **rules: int) -> None:
        self.loop, self.connection, self.limits = Loop(), Connection(), Limits()
        self.connection.greeted = patience.handshake == math.inf
        names = {name.rpartition(".")[2].removesuffix("_ms"): name for name in keepalive.KNOWN}
        values = {**NO_RULES, **{names[key]: value for key, value in rules.items()}}
        loop: Any = self.loop
        as_loop: asyncio.AbstractEventLoop = loop
        self.watch = Watch(
            self.connection, Rules.of(values), patience, as_loop, self.limits, lambda: 0.5
        )
        self.connection.done.clear()

    def counted(self) -> dict[str, int]:
        return {name: count for name, count in self.limits.snapshot().items() if count}


def test_a_connection_for_which_no_rule_applies_has_no_timer() -> None:
    assert Watching().loop.timers == []


def test_who_does_not_answer_a_ping_is_given_up() -> None:
    made = Watching(keepalive_time=10_000, keepalive_timeout=2_000)
    made.loop.until(111)
    assert made.connection.done == ["calmed down", "ping"]
    made.loop.until(113)
    assert made.connection.done[-1] == "abort"
    assert made.counted() == {"keepalive": 1}
    assert made.loop.timers == []


@pytest.mark.parametrize("option", ["max_connection_idle", "max_connection_age"])
def test_idle_and_old_connections_are_asked_to_go(option: str) -> None:
    made = Watching(**{option: 10_000, "max_connection_age_grace": 5_000})
    made.loop.until(120)
    done = [each for each in made.connection.done if each != "calmed down"]
    assert done == ["shut_down", "refuse_more", "terminate"]
    assert made.counted() == {option.rpartition("_")[2]: 1}


@pytest.mark.parametrize(
    ("seen", "patience", "done"),
    [
        ({"greeted": False}, FOR_EVER._replace(handshake=10), "calm handshake_timeout"),
        ({"block": 1}, FOR_EVER._replace(headers=10), "calm headers_timeout"),
        ({"waiting": True}, FOR_EVER._replace(stalled=10), "abort"),
    ],
)
def test_what_takes_too_long_ends(seen: dict[str, Any], patience: Patience, done: str) -> None:
    made = Watching(patience)
    vars(made.connection).update(seen)
    made.watch.look_out()
    made.loop.until(109)
    assert done not in made.connection.done
    made.loop.until(113)
    assert made.connection.done[-1] == done
    assert sum(made.counted().values()) == 1
    assert made.loop.timers == []


def test_requests_are_looked_at_until_they_are_whole() -> None:
    made = Watching(FOR_EVER._replace(request=40))
    made.connection.half_open = 1
    made.watch.look_out()
    made.loop.until(125)
    assert made.connection.done == [f"reset overdue at {at}" for at in (100, 110, 120)]
    made.connection.half_open = 0
    made.loop.until(135)
    assert made.connection.done[-1] == "calmed down"
    assert made.loop.timers == []


def test_too_many_pings_end_it() -> None:
    made = Watching(max_ping_strikes=2, min_ping_interval_without_data=10_000)
    for _ in range(3):
        made.watch.pinged(1, False)
    assert made.connection.done == []
    made.watch.pinged(1, False)
    assert made.connection.done == ["calm too_many_pings"]
    assert made.counted() == {"too_many_pings": 1}


def test_a_watch_that_is_stopped_does_nothing_more() -> None:
    made = Watching(keepalive_time=10_000)
    made.watch.stop()
    made.loop.until(1000)
    assert made.connection.done == []
