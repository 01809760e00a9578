import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tercet.compute.kernels._gain import Gain

factors = st.floats(0, 255, allow_nan=False)
RAMP = np.repeat(np.arange(256, dtype=np.uint8), 3)


def reference(source: np.ndarray, rgb: tuple[float, float, float]) -> np.ndarray:
    pixels = source.reshape(-1, 3).astype(np.float32)
    scaled = np.rint(pixels * np.array(rgb, np.float32))
    return np.minimum(scaled, 255).astype(np.uint8).reshape(-1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.tuples(factors, factors, factors))
def test_every_value_times_any_factor(run, rgb: tuple[float, float, float]):
    target = np.empty_like(RAMP)
    run(Gain(RAMP, target, *rgb))
    np.testing.assert_array_equal(target, reference(RAMP, rgb))


def test_halves_are_rounded_to_even(run):
    target = np.empty_like(RAMP)
    run(Gain(RAMP, target, 0.5, 0.5, 0.5))
    assert target[[3, 9, 15, 21]].tolist() == [0, 2, 2, 4]  # 0.5, 1.5, 2.5, 3.5


# Around a block (64 pixels) and a tile (131072 pixels).
@pytest.mark.parametrize("pixels", [0, 1, 63, 64, 65, 131071, 131072, 131073, 400_000])
@pytest.mark.parametrize("threads", [1, 5])
def test_in_place_and_beside_give_the_same(run, pixels: int, threads: int):
    source = np.random.default_rng(pixels).integers(0, 256, pixels * 3, dtype=np.uint8)
    rgb = (1.2, 1.1, 0.9)
    expected = reference(source, rgb)
    target = np.empty_like(source)
    run(Gain(source, target, *rgb), threads)
    np.testing.assert_array_equal(target, expected)
    run(Gain(source, source, *rgb), threads)
    np.testing.assert_array_equal(source, expected)


def test_refuses_a_target_of_another_length():
    with pytest.raises(ValueError, match="same length"):
        Gain(np.zeros(6, np.uint8), np.zeros(3, np.uint8), 1, 1, 1)


def test_refuses_a_read_only_target():
    source = np.zeros(3, np.uint8)
    with pytest.raises(ValueError, match="read-only"):
        Gain(source, np.frombuffer(b"abc", np.uint8), 1, 1, 1)
