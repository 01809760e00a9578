"""Addresses that do not change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tercet.gateway.sources.source import Address, Found
from tercet.gateway.sources.static import Static


async def test_they_are_told_once() -> None:
    told: list[Sequence[Found]] = []
    source = Static("one", [Address("unix:/a"), Address("unix:/b", 2.0)])
    following = asyncio.create_task(source.follow(told.append))
    await asyncio.sleep(0)
    source.failed()
    await asyncio.sleep(0)
    following.cancel()
    assert told == [[Found("one", (Address("unix:/a"), Address("unix:/b", 2.0)), None)]]
