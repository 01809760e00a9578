"""When a name is resolved, and what of the answers holds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from tercet.cluster.backoff import Backoff
from tercet.gateway.sources import dns
from tercet.gateway.sources.dns import Dns
from tercet.gateway.sources.source import Found
from tests.support import eventually

HOUR = 3600.0


class Resolver:
    """Answers what it is told to, and counts."""

    def __init__(self, *answer: str) -> None:
        self.answer: Sequence[str] | OSError = answer
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("shop", 1)
        self.asked += 1
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def make(resolver: Resolver, *, interval: float = HOUR, debounce: float = 0.0) -> Dns:
    backoff = Backoff(rng=Random(1), base=0.001, ceiling=0.001)
    return Dns(
        "one",
        "shop",
        1,
        backoff=backoff,
        interval=interval,
        debounce=debounce,
        resolve=resolver,
    )


@asynccontextmanager
async def followed(source: Dns) -> AsyncIterator[list[tuple[str, ...]]]:
    """The addresses that it tells, one entry for each update."""
    told: list[tuple[str, ...]] = []

    def update(found: Sequence[Found]) -> None:
        [only] = found
        assert only.name == "one"
        assert only.grpc_services is None
        assert all(address.host == "shop" for address in only.addresses)
        told.append(tuple(address.target for address in only.addresses))

    following = asyncio.create_task(source.follow(update))
    try:
        yield told
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def test_the_upstream_is_there_before_its_addresses() -> None:
    async with followed(make(Resolver("ipv4:10.0.0.1:1"))) as told:
        await eventually(lambda: len(told) == 2)
    assert told == [(), ("ipv4:10.0.0.1:1",)]


async def test_it_is_resolved_again_and_only_changes_are_told() -> None:
    resolver = Resolver("ipv4:10.0.0.1:1")
    async with followed(make(resolver, interval=0.001)) as told:
        await eventually(lambda: resolver.asked > 3)
        assert len(told) == 2
        resolver.answer = ("ipv4:10.0.0.2:1", "ipv6:[::1]:1")
        await eventually(lambda: len(told) == 3)
    assert told[-1] == ("ipv4:10.0.0.2:1", "ipv6:[::1]:1")


async def test_a_failed_connection_has_it_resolved_at_once() -> None:
    resolver = Resolver("ipv4:10.0.0.1:1")
    source = make(resolver)
    async with followed(source):
        await eventually(lambda: resolver.asked == 1)
        source.failed()
        await eventually(lambda: resolver.asked == 2)


async def test_many_failed_connections_have_it_resolved_once() -> None:
    resolver = Resolver("ipv4:10.0.0.1:1")
    source = make(resolver, debounce=HOUR)
    async with followed(source):
        await eventually(lambda: resolver.asked == 1)
        for _ in range(100):
            source.failed()
            await asyncio.sleep(0)
        assert resolver.asked == 1


async def test_what_fails_within_the_debounce_is_not_forgotten() -> None:
    resolver = Resolver("ipv4:10.0.0.1:1")
    source = make(resolver, debounce=0.05)
    async with followed(source) as told:
        await eventually(lambda: len(told) == 2)
        source.failed()
        await eventually(lambda: resolver.asked == 2)


async def test_the_last_addresses_stay_while_it_cannot_be_resolved(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resolver = Resolver("ipv4:10.0.0.1:1")
    source = make(resolver)
    with caplog.at_level(logging.WARNING):
        async with followed(source) as told:
            await eventually(lambda: len(told) == 2)
            resolver.answer = OSError("nobody knows")
            source.failed()
            # Not only after the interval.
            await eventually(lambda: resolver.asked > 4)
            assert len(told) == 2
            resolver.answer = ("ipv4:10.0.0.2:1",)
            await eventually(lambda: len(told) == 3)
    [record] = caplog.records
    assert "nobody knows" in record.getMessage()


async def test_the_system_is_asked() -> None:
    assert await dns.resolve("127.0.0.1", 1) == ["ipv4:127.0.0.1:1"]
    assert await dns.resolve("::1", 1) == ["ipv6:[::1]:1"]
    found = await dns.resolve("localhost", 1)
    assert {"ipv4:127.0.0.1:1", "ipv6:[::1]:1"} & set(found)


async def test_a_name_that_is_none_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"."):
        await dns.resolve("no.such.name.invalid", 1)


async def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    monkeypatch.setattr(dns, "TIMEOUT", 0.001)
    with pytest.raises(OSError, match=r"^$"):
        await dns.resolve("shop", 1)
