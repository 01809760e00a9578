"""Upstreams and endpoints, as sources say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from tercet.gateway.fleet import Fleet
from tercet.gateway.sources.source import Address, Found, Update
from tests.support import eventually
from tests.unit.gateway.standins import Endpoint, Keeper, Upstream


class Source:
    """Finds what it is told to."""

    def __init__(self) -> None:
        self.failures = 0
        self.told: asyncio.Queue[Sequence[Found]] = asyncio.Queue()

    async def follow(self, update: Update) -> None:
        while True:
            update(await self.told.get())

    def failed(self) -> None:
        self.failures += 1


class Made:
    """A fleet, and what it has made."""

    def __init__(self) -> None:
        self.changes = 0
        self.keepers: dict[str, Keeper] = {}
        self.source = Source()
        self.fleet = Fleet(
            make_upstream=cast("Any", Upstream),
            make_endpoint=cast("Any", lambda address: Endpoint(address.target)),
            keep=self.keep,
            changed=self.changed,
        )

    def changed(self) -> None:
        self.changes += 1

    def keep(self, upstream: Any, endpoint: Any, address: Address, *callbacks: Any) -> Keeper:
        self.keepers[address.target] = Keeper(*callbacks)
        return self.keepers[address.target]

    def take(self, *found: Found) -> None:
        self.fleet.take(self.source, found)

    def endpoints(self, name: str) -> list[Any]:
        return list(self.fleet.members[name].upstream.endpoints)


@pytest.fixture
async def made() -> AsyncIterator[Made]:
    made = Made()
    yield made
    await made.fleet.close()
    assert all(keeper.closed for keeper in made.keepers.values())


def found(name: str, *targets: str, serves: set[str] | None = frozenset()) -> Found:  # type: ignore[assignment]
    services = None if serves is None else frozenset(serves)
    addresses = tuple(Address(target) for target in targets)
    return Found(name, addresses, services, tells=serves is not None)


async def test_an_upstream_knows_what_is_expected(made: Made) -> None:
    made.take(found("one", "unix:/a"), Found("two", (), None))
    upstream = cast("Any", made.fleet.members["one"].upstream)
    assert (upstream.told, upstream.expected) == (True, False)
    assert not cast("Any", made.fleet.members["two"].upstream).told
    made.take(Found("one", (), frozenset(), tells=True, expected=True))
    assert upstream.expected


async def test_each_address_is_an_endpoint(made: Made) -> None:
    made.take(found("one", "unix:/a", "unix:/b", serves={"a.B"}), found("two"))
    assert [each.address for each in made.endpoints("one")] == ["unix:/a", "unix:/b"]
    assert made.endpoints("two") == []
    assert made.fleet.members["one"].grpc_services == {"a.B"}
    assert made.changes == 1


async def test_endpoints_that_stay_are_not_touched(made: Made) -> None:
    made.take(found("one", "unix:/a", "unix:/b"))
    before = made.endpoints("one")
    made.take(found("one", "unix:/b", "unix:/c"))
    after = made.endpoints("one")
    assert [each.address for each in after] == ["unix:/b", "unix:/c"]
    assert after[0] is before[1]
    assert not made.keepers["unix:/b"].closed
    await eventually(lambda: made.keepers["unix:/a"].closed)


async def test_an_upstream_that_goes_lets_go_of_its_endpoints(made: Made) -> None:
    made.take(found("one", "unix:/a"))
    upstream = cast("Any", made.fleet.members["one"].upstream)
    made.take()
    assert not made.fleet.members
    assert upstream.endpoints == ()
    assert upstream.closed
    await eventually(lambda: made.keepers["unix:/a"].closed)


async def test_sources_do_not_touch_what_others_have_found(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    other = Source()
    made.take(found("one", "unix:/a"))
    for _ in range(2):
        made.fleet.take(other, [found("two", "unix:/b"), found("one", "unix:/c")])
    assert [each.address for each in made.endpoints("one")] == ["unix:/a"]
    [record] = caplog.records
    assert "two upstreams named one" in record.getMessage()
    made.take()
    assert list(made.fleet.members) == ["two"]


async def test_a_source_hears_of_failed_connections(made: Made) -> None:
    made.take(found("one", "unix:/a"))
    made.keepers["unix:/a"].failed()
    assert made.source.failures == 1
    assert made.changes == 2
    made.keepers["unix:/a"].connected()
    assert made.source.failures == 1
    assert made.changes == 3


async def test_a_source_is_followed(made: Made) -> None:
    made.fleet.follow(made.source)
    made.source.told.put_nowait([found("one", "unix:/a")])
    await eventually(lambda: "one" in made.fleet.members)


async def test_a_bug_in_an_update_does_not_end_the_following(
    made: Made, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tercet.gateway.fleet.AGAIN", 0.001)
    made.fleet.follow(made.source)
    with caplog.at_level(logging.ERROR):
        made.source.told.put_nowait(cast("Any", [None]))
        made.source.told.put_nowait([found("one", "unix:/a")])
        await eventually(lambda: "one" in made.fleet.members)
    assert len(caplog.records) == 1


async def test_who_does_not_say_what_it_serves_is_asked(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def services(channel: object) -> frozenset[str]:
        return frozenset({"c.D"})

    monkeypatch.setattr("tercet.gateway.asking.services", services)
    made.take(found("one", "unix:/a", serves=None), found("two", "unix:/b", serves={"a.B"}))
    await eventually(lambda: made.fleet.members["one"].grpc_services == {"c.D"})
    assert made.fleet.members["two"].grpc_services == {"a.B"}
    made.take(found("one", serves=None))
    assert made.fleet.members["one"].grpc_services == {"c.D"}


async def test_it_is_settled_once_all_is_known(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    known = asyncio.Event()

    async def services(channel: object) -> frozenset[str]:
        await known.wait()
        return frozenset({"c.D"})

    monkeypatch.setattr("tercet.gateway.asking.services", services)
    assert made.fleet.is_settled
    made.fleet.follow(made.source)
    # A source that has told nothing may know of an upstream,
    assert made.fleet.awaited == {made.source}
    assert not made.fleet.is_settled
    # an upstream may not have been asked,
    made.take(found("one", "unix:/a", serves=None))
    assert not made.fleet.awaited
    assert not made.fleet.is_settled
    # or is about to be told of: then by its source.
    known.set()
    await eventually(lambda: made.fleet.is_settled)
    made.take(found("one", "unix:/a", serves=None), Found("two", (), None, tells=True))
    assert not made.fleet.is_settled
    made.take(found("one", "unix:/a", serves=None), found("two", serves={"a.B"}))
    assert made.fleet.is_settled
