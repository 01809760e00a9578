"""Calls that nobody thought of look on each engine as they look on grpc.aio.

`make test` plays the same scripts each time. To play others, say how many of each:

    CALL_SCRIPTS=1000 .venv/bin/python -m pytest tests/conformance/context/test_call_scripts.py

What fails is told with a line, `@reproduce_failure(...)`, that plays it again.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.conftest import REFERENCE
from tests.conformance.context.play import play
from tests.conformance.context.scripts import Leaves, Script, scripts

ASKED = os.environ.get("CALL_SCRIPTS")


def some(number: int) -> settings:
    return settings(
        max_examples=int(ASKED or number),
        derandomize=not ASKED,
        print_blob=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def at_once(leaves: Leaves) -> st.SearchStrategy[list[Script]]:
    return st.lists(scripts(leaves), min_size=1, max_size=3)


pytestmark = pytest.mark.timeout(0 if ASKED else 300)


@some(100)
@given(scripts=at_once(None))
async def test_calls_that_end(engine: str, scripts: list[Script]) -> None:
    await compare(engine, scripts)


@some(60)
@given(scripts=at_once("cancel"))
async def test_calls_that_are_cancelled(engine: str, scripts: list[Script]) -> None:
    await compare(engine, scripts)


@some(15)
@given(scripts=at_once("deadline"))
async def test_calls_whose_deadline_passes(engine: str, scripts: list[Script]) -> None:
    await compare(engine, scripts)


async def compare(engine: str, scripts: list[Script]) -> None:
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    seen, reference = await asyncio.gather(play(scripts, engine), play(scripts, REFERENCE))
    assert seen == reference
    if engine != REFERENCE:
        assert errors == []
