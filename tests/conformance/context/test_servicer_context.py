"""Every behaviour of a servicer and its context looks on each engine as it looks on grpc.aio.

Differential: what is right is what the reference does in the same test, so that no answer is
written down here. On the reference itself, a test shows that its behaviour is the same each time.
"""

from __future__ import annotations

import pytest

from tests.conformance.conftest import REFERENCE
from tests.conformance.context.behaviour import TABLE, Behaviour
from tests.conformance.context.behaviours import (
    aborts,
    failures,
    interceptors,
    lifecycle,
    metadata,
    status,
    streams,
    threads,
)
from tests.conformance.context.observe import observe

# Importing them fills the table.
PARTS = (aborts, failures, interceptors, lifecycle, metadata, status, streams, threads)


@pytest.mark.parametrize("behaviour", TABLE, ids=lambda behaviour: behaviour.name)
async def test_behaviour(behaviour: Behaviour, engine: str) -> None:
    assert await observe(behaviour, engine) == await observe(behaviour, REFERENCE)


def test_every_part_is_in_the_table() -> None:
    modules = {behaviour.handler.__module__ for behaviour in TABLE}
    assert modules == {part.__name__ for part in PARTS}
    names = [behaviour.name for behaviour in TABLE]
    assert len(names) == len(set(names))
