"""Finds out what an upstream serves whose source does not know: asks its endpoints by reflection.

Asked at the start and every few seconds until one has answered; then again when its endpoints
change, or one of them is connected anew: it may have been replaced by another version. What was
answered last stays in force meanwhile. An upstream without reflection is asked no more until then:
it takes what `routes` says, or everything if it is alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import grpc.aio

from tercet.gateway import asking
from tercet.gateway.member import Member

log = logging.getLogger("tercet.gateway")

PAUSE = 3.0


class Services:
    """Writes `grpc_services` and `is_mute` of a member.

    Args:
        changed: Called back after that.
        pause: Seconds from an attempt without an answer to the next.
    """

    def __init__(
        self, member: Member, *, changed: Callable[[], None], pause: float = PAUSE
    ) -> None:
        self._member = member
        self._changed = changed
        self._pause = pause
        self._soon = asyncio.Event()

    def soon(self) -> None:
        """Asks (again) now: the endpoints have changed."""
        self._soon.set()

    async def run(self) -> None:
        """Asks for ever."""
        while True:
            self._soon.clear()
            answered = await self.ask()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if answered else self._pause):
                    await self._soon.wait()

    async def ask(self) -> bool:
        """Asks once, one endpoint after the other. Whether there is no need to ask again."""
        silent = False
        for channel in self._member.channels():
            try:
                found = await asking.services(channel)
            except asking.NoReflection:
                silent = True
            except grpc.aio.AioRpcError as error:
                log.debug("%s cannot be asked: %s", self._member.upstream.name, error.details())
            else:
                self._set(found)
                return True
        if silent and not self._member.is_mute:
            self._member.is_mute = True
            self._changed()
            log.info(
                "upstream %s has no reflection: it takes what routes say, or all if alone",
                self._member.upstream.name,
            )
        return silent

    def _set(self, found: frozenset[str]) -> None:
        if found != self._member.grpc_services:
            self._member.grpc_services = found
            self._changed()
