"""Watches one connection: asks the rules that depend on time, and does what they say.

One timer of the loop for each connection, and none where no rule could apply. Rules of what may
take too long are asked from when the connection says that there is such a thing (`look_out`) until
there is none.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from typing import Protocol

from tercet.rpc._limits import Limits
from tercet.rpc.native.keepalive import Act, Keeper, Rules, Signs
from tercet.rpc.native.patience import Patience, Patient, Slowness


class Watched(Protocol):
    """What a connection gives to its watch."""

    def signs(self) -> tuple[float, int, int]: ...
    def slowness(self) -> tuple[bool, int, int, bool, int]: ...
    def reset_overdue(self, moment: float, timeout: float) -> None: ...
    def calmed_down(self) -> None: ...
    def ping(self) -> None: ...
    def shut_down(self) -> None: ...
    def refuse_more(self) -> None: ...
    def terminate(self) -> None: ...
    def abort(self) -> None: ...
    def calm(self, reason: str) -> None: ...


class Watch:
    """Made when its connection is, and stopped when it is gone.

    Args:
        limits: Where it is counted what ended connections.
        draw: Gives numbers of [0, 1).
    """

    __slots__ = ("_connection", "_keeper", "_limits", "_loop", "_patient", "_timer")

    def __init__(
        self,
        connection: Watched,
        rules: Rules,
        patience: Patience,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._loop = loop
        self._limits = limits
        now = loop.time()
        self._keeper = Keeper(rules, now, draw)
        self._patient = Patient(patience, now)
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look_out(self) -> None:
        """Something has begun that may take too long."""
        self.stop()
        self._look()

    def pinged(self, pings: int, spoke: bool) -> None:
        keeper = self._keeper
        streams = self._connection.signs()[1]
        if not keeper.pinged(self._loop.time(), pings, spoke, streams):
            self._end(keeper.reason)
            self._connection.calm(keeper.reason)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        late, again = self._look_for_slowness(now)
        if late:
            self._end(late)
            if late == "stalled":
                # It would not read a farewell either.
                self._connection.abort()
            else:
                self._connection.calm(late)
            return
        act, then = self._keeper.look(now, Signs(*self._connection.signs()))
        then = min(then, again)
        if then < math.inf:
            self._timer = self._loop.call_at(then, self._look)
        self._do(act)

    def _look_for_slowness(self, now: float) -> tuple[str, float]:
        connection, patient = self._connection, self._patient
        seen = Slowness(*connection.slowness())
        late, again = patient.look(now, seen)
        if seen.half_open and not late:
            connection.reset_overdue(now, patient.patience.request)
        if not (seen.half_open or seen.block or seen.waiting):
            connection.calmed_down()
        return late, again

    def _do(self, act: Act) -> None:
        connection, keeper = self._connection, self._keeper
        if act is Act.PING:
            connection.ping()
        elif act is Act.ANNOUNCE:
            self._limits.applied(keeper.reason)
            connection.shut_down()
        elif act is Act.REFUSE:
            connection.refuse_more()
        elif act is Act.END:
            connection.terminate()
        elif act is Act.ABORT:
            self._end(keeper.reason)
            connection.abort()

    def _end(self, reason: str) -> None:
        self.stop()
        self._limits.applied(reason)
