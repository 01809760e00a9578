"""splitmix64 in counter mode against a NumPy model of the contract's sentence."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tercet.compute.kernels._uniform import Fill, RandomSum

TILE = 65536
SIZES = [1, 2, 31, 32, 33, TILE - 1, TILE, TILE + 1, 3 * TILE + 17]
seeds = st.integers(0, 2**64 - 1)


def reference(seed: int, n: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def test_the_published_first_outputs_of_splitmix64(run):
    # Seed 1234567: the test vector of Rosetta Code's "Pseudo-random numbers/Splitmix64".
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    output = run(Fill(1234567, 3)).output
    assert output.tolist() == [(value >> 11) * 2.0**-53 for value in expected]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=seeds, n=st.integers(1, 200))
def test_fill_is_the_contracts_formula(run, seed: int, n: int):
    np.testing.assert_array_equal(run(Fill(seed, n)).output, reference(seed, n))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_fill_does_not_depend_on_threads_or_tiles(run, n: int, threads: int):
    np.testing.assert_array_equal(run(Fill(7, n), threads).output, reference(7, n))


@pytest.mark.parametrize("n", SIZES)
def test_random_sum_sums_what_fill_makes(run, n: int):
    exact = math.fsum(reference(3, n))
    # Each tile adds 2048 numbers per lane: the error is far below n units of the last place.
    assert run(RandomSum(3, n)).sum() == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize("n", SIZES)
def test_random_sum_has_the_same_bits_for_any_threads(run, n: int):
    assert len({run(RandomSum(3, n), threads).sum().hex() for threads in (1, 2, 3, 4, 5)}) == 1
