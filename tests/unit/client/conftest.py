from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import tercet
from tests.unit.client.fakes import Fakes


@pytest.fixture
async def fakes(tmp_path: Path) -> AsyncIterator[Fakes]:
    async with Fakes().listening(f"unix:{tmp_path}/s") as listening:
        yield listening


@pytest.fixture
async def client(fakes: Fakes) -> AsyncIterator[tercet.Client]:
    async with tercet.connect(fakes.address) as connected:
        yield connected
