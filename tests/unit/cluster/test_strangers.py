"""Others on our ports, of whom the log tells."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tercet.cluster.strangers import watch
from tests.support import eventually


async def test_each_is_told_of_once_as_long_as_it_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = ["127.0.0.1:1 (pid 7)"]
    looks = 0

    def strangers() -> list[str]:
        nonlocal looks
        looks += 1
        return list(there)

    crew = SimpleNamespace(name="shop", doors=SimpleNamespace(strangers=strangers))
    mesh: Any = SimpleNamespace(crews={"shop": crew})
    with caplog.at_level(logging.WARNING):
        watching = asyncio.create_task(watch(cast("Any", mesh), look=0.001))
        await eventually(lambda: looks > 3)
        assert len(caplog.messages) == 1
        assert "shop: 127.0.0.1:1 (pid 7)" in caplog.messages[0]
        there.clear()
        seen = looks
        await eventually(lambda: looks > seen + 1)
        there.append("127.0.0.1:1 (pid 7)")
        await eventually(lambda: len(caplog.messages) == 2)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
