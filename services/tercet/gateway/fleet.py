"""The upstreams and their endpoints, kept as the sources say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tercet.gateway.member import Keeping, Kept, Member
from tercet.gateway.services import Services
from tercet.gateway.sources.source import Address, Found, Source

if TYPE_CHECKING:
    from tercet.gateway._endpoint import Endpoint
    from tercet.gateway._upstream import Upstream

log = logging.getLogger("tercet.gateway")

# Seconds until a source that has failed, by a bug, is followed again.
AGAIN = 1.0
Callback = Callable[[], None]
# Makes who looks after an endpoint. The last two are for it to call back: there is a connection,
# and, there is none.
Keep = Callable[["Upstream", "Endpoint", Address, Callback, Callback], Keeping]


class Inquiry(NamedTuple):
    """Who asks an upstream what it serves."""

    services: Services
    task: asyncio.Task[None]


class Fleet:
    """Lives on the gateway's loop. Must be closed.

    Args:
        make_upstream: Makes one, from its name and whether its source tells of what is expected.
        make_endpoint: Makes one that is part of no upstream yet.
        keep: Makes who looks after an endpoint.
        changed: Called back when upstreams come or go, when their endpoints do or are connected or
            lost, and when something new is known of what they serve.

    Attributes:
        members: By name, in the order in which they were found.
        awaited: Sources that have not told anything yet.
    """

    def __init__(
        self,
        *,
        make_upstream: Callable[[str, bool], Upstream],
        make_endpoint: Callable[[Address], Endpoint],
        keep: Keep,
        changed: Callback,
    ) -> None:
        self.members: dict[str, Member] = {}
        self.awaited: set[Source] = set()
        self._make_upstream = make_upstream
        self._make_endpoint = make_endpoint
        self._keep = keep
        self._changed = changed
        self._inquiries: dict[str, Inquiry] = {}
        self._following: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._warned: set[str] = set()

    def follow(self, source: Source) -> None:
        """Keeps what a source finds, from now on."""
        self.awaited.add(source)
        self._following.add(asyncio.create_task(self._follow(source)))

    def take(self, source: Source, found: Sequence[Found]) -> None:
        """Makes the upstreams of one source what it says that they are."""
        self.awaited.discard(source)
        wanted = {each.name: each for each in found if self._is_free(each.name, source)}
        for name, member in list(self.members.items()):
            if member.source is source and name not in wanted:
                self._drop(name)
        for each in wanted.values():
            self._update(each, source)
        self._changed()

    @property
    def is_settled(self) -> bool:
        """Whether there is no upstream, and no service of one, that may only not be known yet."""
        return not self.awaited and all(member.is_known for member in self.members.values())

    async def close(self) -> None:
        """Gives up all endpoints; calls that they have go on to their end."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        for name in list(self.members):
            self._drop(name)
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    async def _follow(self, source: Source) -> None:
        while True:
            try:
                await source.follow(lambda found: self.take(source, found))
            except Exception:
                # A bug; but a gateway that no longer learns of its upstreams would be a worse one.
                log.exception("an update of the upstreams could not be taken over; trying again")
            await asyncio.sleep(AGAIN)

    def _is_free(self, name: str, source: Source) -> bool:
        free = name not in self.members or self.members[name].source is source
        if not free and name not in self._warned:
            self._warned.add(name)
            log.warning("there are two upstreams named %s; the first stays", name)
        return free

    def _update(self, found: Found, source: Source) -> None:
        name = found.name
        if name not in self.members:
            self._add(found, source)
        member = self.members[name]
        if found.grpc_services is not None:
            member.grpc_services = found.grpc_services
        wanted = {address.target: address for address in found.addresses}
        # Before the last one goes.
        member.upstream.expect(found.expected)
        gone = member.kept.keys() - wanted.keys()
        fresh = [address for target, address in wanted.items() if target not in member.kept]
        for target in gone:
            self._give_up(member, target)
        for address in fresh:
            self._take_on(member, address)
        if gone or fresh:
            self._ask(name)

    def _add(self, found: Found, source: Source) -> None:
        member = Member(self._make_upstream(found.name, found.tells), source, tells=found.tells)
        self.members[found.name] = member
        if not found.tells:
            services = Services(member, changed=self._changed)
            self._inquiries[found.name] = Inquiry(services, asyncio.create_task(services.run()))

    def _drop(self, name: str) -> None:
        member = self.members.pop(name)
        if inquiry := self._inquiries.pop(name, None):
            inquiry.task.cancel()
            self._closing_task(_ended(inquiry.task))
        for target in list(member.kept):
            self._give_up(member, target)
        member.upstream.close()

    def _take_on(self, member: Member, address: Address) -> None:
        endpoint = self._make_endpoint(address)

        def connected() -> None:
            self._ask(member.upstream.name)
            self._changed()

        def failed() -> None:
            member.source.failed()
            self._changed()

        member.upstream.add(endpoint)
        keeper = self._keep(member.upstream, endpoint, address, connected, failed)
        member.kept[address.target] = Kept(endpoint, keeper)

    def _give_up(self, member: Member, target: str) -> None:
        kept = member.kept.pop(target)
        member.upstream.remove(kept.endpoint)
        self._closing_task(kept.keeper.close())

    def _ask(self, name: str) -> None:
        if inquiry := self._inquiries.get(name):
            inquiry.services.soon()

    def _closing_task(self, closer: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(closer)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.gather(task, return_exceptions=True)
