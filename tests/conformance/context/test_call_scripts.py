"""Calls that nobody thought of look on each engine as they look on grpc.aio."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tests.conformance.conftest import REFERENCE
from tests.conformance.context.observe import observe
from tests.conformance.context.scripts import Script, scripts


# derandomize: a run of the tests is to say the same as the one before.
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=scripts())
async def test_a_script(engine: str, script: Script) -> None:
    behaviour = script.behaviour()
    assert await observe(behaviour, engine) == await observe(behaviour, REFERENCE)
