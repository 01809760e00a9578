"""Stand-ins for what the data plane makes, for tests of what decides over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Endpoint:
    def __init__(
        self,
        address: str = "unix:/nowhere",
        *,
        weight: float = 1.0,
        connected: bool = False,
        healthy: bool = True,
        drained: bool = False,
    ) -> None:
        self.identity = address
        self.address = address
        self.weight = weight
        self.connected = connected
        self.healthy = healthy
        self.drained = drained
        self.hangs = False
        self.failing = False
        self.error = ""
        self.lane: Any = None
        self.connects = 0
        self.connect_failures = 0
        self.ejections = 0

    def attach(self, lane: Any) -> None:
        self.lane = lane
        self.connected = lane is not None


class Upstream:
    def __init__(self, name: str = "one", told: bool = False) -> None:
        self.name = name
        self.told = told
        self.expected = False
        self.endpoints: tuple[Any, ...] = ()
        self.changes = 0
        self.closed = False

    def add(self, endpoint: Any) -> None:
        self.endpoints = (*self.endpoints, endpoint)

    def remove(self, endpoint: Any) -> None:
        self.endpoints = tuple(each for each in self.endpoints if each is not endpoint)

    def expect(self, expected: bool) -> None:
        self.expected = expected

    def changed(self) -> None:
        self.changes += 1

    def close(self) -> None:
        self.closed = True


class Route:
    def __init__(self, path: str) -> None:
        self.path = path
        self.upstream: Any = None
        self.refusal: Any = None


class Keeper:
    """Looks after nothing."""

    def __init__(self, connected: Callable[[], None], failed: Callable[[], None]) -> None:
        self.connected = connected
        self.failed = failed
        self.channel: Any = None
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Subchannel(asyncio.Protocol):
    """A connection that greets, if it is greeted, and then says nothing."""

    def __init__(self, leave_taken: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.leave_taken = leave_taken
        self.greeted: asyncio.Future[bool] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.transport: Any = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.greeted.done():
            self.greeted.set_result(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result("it hung up")
        self.leave_taken()
        if not self.greeted.done():
            self.greeted.set_result(False)

    def close(self) -> None:
        self.closed = True
        self.transport.close()

    def abort(self) -> None:
        self.closed = True
        if self.transport:
            self.transport.abort()
