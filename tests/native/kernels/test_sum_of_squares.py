import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tercet.compute.kernels._sum_of_squares import SumOfSquares

TILE = 65536
LANES = 32
SIZES = [0, 1, LANES - 1, LANES, LANES + 1, TILE - 1, TILE, TILE + 1, 3 * TILE + 17]


def in_order(x: np.ndarray) -> float:
    """The same additions in the same order, one by one in NumPy."""
    total = 0.0
    for low in range(0, len(x), TILE):
        squares = x[low : low + TILE].astype(np.float64) ** 2
        lanes = np.zeros(LANES)
        for start in range(0, len(squares), LANES):
            row = squares[start : start + LANES]
            lanes[: len(row)] += row
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = lanes[:half] + lanes[half:]
        total += lanes[0]
    return float(total)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", SIZES)
def test_every_bit_is_that_of_the_documented_order(run, n: int, dtype: type):
    x = np.random.default_rng(n).normal(size=n).astype(dtype)
    bits = {run(SumOfSquares(x), threads).sum().hex() for threads in (1, 2, 3, 4, 5)}
    assert bits == {in_order(x).hex()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(arrays(np.float64, st.integers(0, 300), elements=st.floats(-1e150, 1e150)))
def test_is_near_the_exact_sum(run, x: np.ndarray):
    exact = math.fsum(float(value) * float(value) for value in x)
    assert run(SumOfSquares(x)).sum() == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_shows(run, value: float):
    x = np.ones(1000)
    x[777] = value
    assert str(run(SumOfSquares(x)).sum()) == str(value)


def test_takes_a_read_only_view(run):
    x = np.frombuffer(np.arange(4.0).tobytes())
    assert not x.flags.writeable
    assert run(SumOfSquares(x)).sum() == 14.0


def test_float32_is_squared_in_float64(run):
    x = np.array([16777217.0, 1e20], np.float32)
    assert run(SumOfSquares(x)).sum() == float(x[0]) ** 2 + float(x[1]) ** 2


def test_refuses_strides():
    with pytest.raises(ValueError, match="contiguous"):
        SumOfSquares(np.arange(10.0)[::2])
