"""Workers without processes, for tests of what supervises them: an actor plays each one.

The link between an actor and its supervisor is a real one; time is the loop's, and goes on when a
`Clock` is told so.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Sequence

import pytest

from tercet.cluster.life import Life
from tercet.cluster.link import Link
from tercet.cluster.messages import (
    Acknowledged,
    Bound,
    Message,
    Serving,
    Start,
    Stop,
    Workers,
)
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.states import State

# Of no process of this machine: the kernel's own limit is 2**22.
FIRST_PID = 2**23


class Actor:
    """Plays a worker that starts, serves and stops as it should, unless its company says else.

    Attributes:
        heard: What the supervisor has said.
        signals: That were sent.
        ignores: Signals that do not end it; KILL always does.
    """

    def __init__(
        self,
        company: Company,
        end: socket.socket,
        *,
        name: str,
        on_exit: Callable[[int], None],
        descriptors: Sequence[int],
    ) -> None:
        self.name = name
        self.descriptors = tuple(descriptors)
        self.pid = FIRST_PID + len(company.actors)
        self.born = time.monotonic()
        # Overrides what the clock says.
        self.lived: float | None = None
        self.heard: list[Message] = []
        self.signals: list[signal.Signals] = []
        self.ignores: set[signal.Signals] = set()
        self.binds = company.binds
        self.stops = company.stops
        self.acknowledges = company.acknowledges
        self.is_over = False
        self._company = company
        self._on_exit = on_exit
        self.link = Link(end.dup(), on_message=self._hear)

    @property
    def age(self) -> float:
        return time.monotonic() - self.born if self.lived is None else self.lived

    @property
    def spec(self) -> WorkerSpec:
        start = self.heard[0]
        assert isinstance(start, Start)
        return start.spec

    @property
    def lists(self) -> list[Workers]:
        """Lists of workers that it was told."""
        return [message for message in self.heard if isinstance(message, Workers)]

    @property
    def told_to_stop(self) -> list[float]:
        """The graces that it was given."""
        return [message.grace for message in self.heard if isinstance(message, Stop)]

    def say(self, message: Message) -> None:
        self.link.send(message)

    def bind(self) -> None:
        self.say(Bound([f"{self.spec.service}.Service"]))

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number is signal.SIGKILL or number not in self.ignores:
            self.die(-number)

    def die(self, code: int) -> None:
        """Ends, and is reaped in the next turn of the loop."""
        if not self.is_over:
            self.is_over = True
            self.link.close()
            asyncio.get_running_loop().call_soon(self._on_exit, code)

    def _hear(self, message: Message) -> None:
        self.heard.append(message)
        if isinstance(message, Start):
            if self.binds:
                self.bind()
        elif isinstance(message, Stop):
            if self.stops:
                self.die(0)
        elif isinstance(message, Workers):
            if self.spec.region and self.acknowledges:
                self.say(Acknowledged(message.version))
            self._company.told(self, message)


class Company:
    """Starts actors instead of processes.

    Args:
        probes: Whether one that plays the control process finds who serves.

    Attributes:
        actors: All that there were, in the order of their start.
        binds, stops, acknowledges: What those do who are started from now on.
        error: Raised instead of starting one.
        cast: Called with each new actor.
        serves: Whom the control process finds serving.
    """

    def __init__(self, *, probes: bool = False) -> None:
        self.actors: list[Actor] = []
        self.binds = self.stops = self.acknowledges = True
        self.error: OSError | None = None
        self.cast: Callable[[Actor], None] = lambda actor: None
        self.serves: Callable[[WorkerSpec], bool] = lambda spec: True
        self.probes = probes

    def __call__(
        self,
        end: socket.socket,
        *,
        name: str,
        on_exit: Callable[[int], None],
        descriptors: Sequence[int] = (),
    ) -> Actor:
        if self.error:
            raise self.error
        actor = Actor(self, end, name=name, on_exit=on_exit, descriptors=descriptors)
        self.actors.append(actor)
        self.cast(actor)
        return actor

    def of(self, service: str, slot: int | None = None) -> list[Actor]:
        """Those who play workers of a service, and know it."""
        return [
            actor
            for actor in self.actors
            if actor.heard
            and actor.spec.service == service
            and (slot is None or actor.spec.slot == slot)
        ]

    def on_stage(self) -> list[Actor]:
        """Those who are not over."""
        return [actor for actor in self.actors if not actor.is_over]

    async def leave(self) -> None:
        """Ends all who are not over."""
        for actor in self.on_stage():
            actor.die(0)
        await rest()

    def told(self, actor: Actor, message: Workers) -> None:
        if not self.probes or actor.spec.service != "control":
            return
        for record in message.workers:
            if record.state is State.STARTING and record.bound:
                played = self.played(record.service, record.slot, record.generation)
                if self.serves(played.spec):
                    actor.say(Serving(record.service, record.slot, record.generation))

    def played(self, service: str, slot: int, generation: int) -> Actor:
        return next(
            actor for actor in self.of(service, slot) if actor.spec.generation == generation
        )


class Clock:
    """The loop's time, which can be put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self._now)

    async def jump(self, seconds: float) -> None:
        """All at once, as if this process had stood still."""
        self._now += seconds
        await rest()

    async def go_on(self, seconds: float, *, steps: int = 50) -> None:
        """In steps, as time does."""
        for _ in range(steps):
            await self.jump(seconds / steps)


async def rest(turns: int = 30) -> None:
    """Lets the loop do what there is to be done now."""
    for _ in range(turns):
        await asyncio.sleep(0)


def as_starter(company: Company, monkeypatch: pytest.MonkeyPatch) -> Company:
    """Has the company play all workers."""
    monkeypatch.setattr("tercet.cluster.life.Child", company)
    return company


class Diary:
    """Plays who has started a life, and writes down what it is told."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.said: list[Message] = []
        self.hangs = 0
        self.moves = 0

    def moved(self, life: Life) -> None:
        self.moves += 1
        if not self.states or self.states[-1] is not life.state:
            self.states.append(life.state)

    def heard(self, life: Life, message: Message) -> None:
        self.said.append(message)

    def hung(self, life: Life) -> None:
        self.hangs += 1
