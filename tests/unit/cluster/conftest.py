"""Actors who play workers, and who leave the stage at the end of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tercet.cluster.runtime_dir import RuntimeDir
from tercet.cluster.spec import MeshSpec
from tests.unit.cluster.stage import Stage
from tests.unit.cluster.standins import Clock, Company


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    made = Company()
    yield made
    await made.leave()


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


Start = Callable[..., Awaitable[Stage]]


@pytest.fixture
async def start(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Start]:
    """Starts a supervisor, and waits until its mesh is ready: await start(mesh(...))."""
    made: list[tuple[Stage, RuntimeDir]] = []

    async def begin(spec: MeshSpec, *, wait: bool = True) -> Stage:
        runtime = RuntimeDir(tmp_path)
        stage = Stage(spec, runtime, company, monkeypatch)
        made.append((stage, runtime))
        if wait:
            await stage.ready()
        return stage

    yield begin
    for stage, runtime in made:
        await stage.end()
        runtime.close()
