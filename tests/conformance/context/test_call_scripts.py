"""Calls that nobody thought of look on each engine as they look on grpc.aio.

`make test` plays the same scripts each time. To play others, say how many:

    CALL_SCRIPTS=10000 .venv/bin/python -m pytest tests/conformance/context/test_call_scripts.py

Ten thousand take about an hour. What fails is told with a line that plays it again.
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
from tests.conformance.context.scripts import Script, scripts

ASKED = os.environ.get("CALL_SCRIPTS")


@pytest.mark.timeout(0 if ASKED else 300)
@settings(
    max_examples=int(ASKED or 75),
    derandomize=not ASKED,
    print_blob=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(at_once=st.lists(scripts(), min_size=1, max_size=3))
async def test_scripts(engine: str, at_once: list[Script]) -> None:
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    seen, reference = await asyncio.gather(play(at_once, engine), play(at_once, REFERENCE))
    assert seen == reference
    if engine != REFERENCE:
        assert errors == []
