from __future__ import annotations

import cv2
import numpy as np
import pytest

from tercet.compute.images.blur import band_height, blur, radius_of
from tercet.compute.pool import Pool

SIGMAS = [0.05, 0.3, 0.5, 1, 1.7, 2, 5, 10, 33, 100]


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (64, 64), (65, 31), (701, 43)])
async def test_bands_give_every_bit_of_the_whole(pool: Pool, sigma: float, shape: tuple[int, int]):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    whole = cv2.GaussianBlur(pixels, (0, 0), sigma)
    for threads in (1, 16):
        job, target = blur(pixels, sigma, threads)
        await pool.run(job)
        np.testing.assert_array_equal(target, whole)


def test_the_radius_is_what_opencv_takes_by_itself():
    # A single white pixel spreads exactly as far as the kernel reaches, where weights round to
    # something: the kernel's own length says it for all.
    for sigma in SIGMAS:
        size = 2 * radius_of(sigma) + 1
        assert size % 2 == 1
        image = np.random.default_rng(2).integers(0, 256, (9, 999, 3), dtype=np.uint8)
        np.testing.assert_array_equal(
            cv2.GaussianBlur(image, (size, size), sigma), cv2.GaussianBlur(image, (0, 0), sigma)
        )


@pytest.mark.parametrize(
    ("height", "radius", "threads", "rows"),
    [
        (1080, 3, 1, 120),  # 9 bands of nearly 128.
        (1080, 3, 2, 108),  # 10 bands: 5 for each thread.
        (1080, 30, 2, 270),  # 4 bands where 3 would leave a thread idle.
        (1080, 300, 2, 540),  # Not less than about 2 radii ...
        (1080, 300, 16, 540),  # ... for any number of threads.
        (100, 1, 64, 50),  # Not less than a call is worth.
        (1, 300, 4, 1),
    ],
)
def test_band_height(height: int, radius: int, threads: int, rows: int):
    assert band_height(height, radius, threads) == rows


def test_opencv_has_one_thread():
    assert cv2.getNumThreads() == 1
