"""Actors who play workers, and who leave the stage at the end of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.cluster.standins import Clock, Company


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    made = Company()
    yield made
    await made.leave()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)
