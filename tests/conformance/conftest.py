"""Every test here runs on every engine, on the event loop that workers run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tercet.rpc import ENGINES

REFERENCE = "grpcio"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


# The reference first: where it fails too, the test is wrong.
@pytest.fixture(params=sorted(ENGINES, key=lambda name: (name != REFERENCE, name)))
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
