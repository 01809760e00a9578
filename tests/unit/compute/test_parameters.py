from __future__ import annotations

import math

import pytest

from tercet.compute import parameters
from tercet.compute._pool import Job
from tercet.compute.kernel import Kernel, Parameter, Task
from tercet.compute.v1.compute_pb2 import Value
from tercet.errors import InvalidArgument

KERNEL = Kernel(
    name="k",
    help="",
    prepare=lambda parameters, inputs: Task(Job(), dict),
    parameters=(
        Parameter(name="n", help="a count", type="integer", minimum=1, maximum=10),
        Parameter(name="r", help="a ratio", type="real", minimum=0, maximum=2.5, default=0.5),
    ),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"n": Value(integer=1)}, {"n": 1, "r": 0.5}),
        ({"n": Value(integer=10), "r": Value(real=2.5)}, {"n": 10, "r": 2.5}),
        # An integer is a real number too.
        ({"n": Value(integer=3), "r": Value(integer=2)}, {"n": 3, "r": 2.0}),
        # A value that is not set counts as not given.
        ({"n": Value(integer=3), "r": Value()}, {"n": 3, "r": 0.5}),
    ],
)
def test_values(given: dict[str, Value], expected: dict[str, object]):
    values = parameters.check(KERNEL, given)
    assert values == expected
    assert isinstance(values["r"], float)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("n", None, "MISSING_PARAMETER"),
        ("n", Value(), "MISSING_PARAMETER"),
        ("n", Value(real=3.0), "WRONG_TYPE"),
        ("n", Value(real=math.nan), "WRONG_TYPE"),
        ("n", Value(integer=0), "OUT_OF_RANGE"),
        ("n", Value(integer=11), "OUT_OF_RANGE"),
        ("r", Value(real=math.nan), "NOT_FINITE"),
        ("r", Value(real=math.inf), "NOT_FINITE"),
        ("r", Value(real=-math.inf), "NOT_FINITE"),
        ("r", Value(real=2.6), "OUT_OF_RANGE"),
        ("r", Value(integer=-1), "OUT_OF_RANGE"),
        ("q", Value(integer=1), "UNKNOWN_PARAMETER"),
    ],
)
def test_refusals(name: str, value: Value | None, reason: str):
    given = {"n": Value(integer=1)}
    if value is None:
        del given[name]
    else:
        given[name] = value
    with pytest.raises(InvalidArgument) as refused:
        parameters.check(KERNEL, given)
    assert refused.value.field == f"parameters.{name}"
    assert refused.value.reason == reason
    assert refused.value.hint
