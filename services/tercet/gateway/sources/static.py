"""An upstream whose addresses do not change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tercet.gateway.sources.source import Address, Found, Update


class Static:
    """
    Args:
        name: Of the upstream.
        addresses: Of its endpoints.
    """

    def __init__(self, name: str, addresses: Iterable[Address]) -> None:
        self._found = Found(name, tuple(addresses))

    async def follow(self, update: Update) -> None:
        update([self._found])
        await asyncio.Event().wait()

    def failed(self) -> None:
        """There is nowhere to look again."""
