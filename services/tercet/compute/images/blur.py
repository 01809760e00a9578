"""Gaussian blur by OpenCV, in bands on our pool.

OpenCV's own threads do not serve two callers at once (opencv/opencv#25556) and would come on top
of ours, so it gets one. A band is blurred together with a halo of the kernel's radius above and
below, so every bit is that of `cv2.GaussianBlur` on the whole image.
"""

from __future__ import annotations

import cv2
import numpy as np

from tercet.compute._pool import Job, PythonTiles
from tercet.compute.images.codec import Pixels

cv2.setNumThreads(1)


def radius_of(sigma: float) -> int:
    """The kernel's radius in pixels: that of OpenCV for 8-bit images and size (0, 0)."""
    return (round(sigma * 6 + 1) | 1) // 2


def band_height(height: int, radius: int, threads: int) -> int:
    """Rows of a band.

    With 16 radii to a band, the halos are an eighth more work. For the sake of more threads, and
    so that none idles in the last round, a band may shrink to 2 radii, where they double it.
    """
    bands = _ceil(height, max(128, 16 * radius))
    bands = threads * _ceil(bands, threads)
    # A call of OpenCV takes some microseconds: 64 rows are worth it.
    bands = min(bands, _ceil(height, max(64, 2 * radius)))
    return _ceil(height, bands)


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def blur(pixels: Pixels, sigma: float, threads: int) -> tuple[Job, Pixels]:
    """A job that blurs `pixels` into the returned array. Borders are reflected (101).

    Args:
        sigma: Standard deviation in pixels, more than 0.
        threads: Threads that will share the work; the result does not depend on it.
    """
    target = np.empty_like(pixels)
    height = len(pixels)
    radius = radius_of(sigma)
    size = (2 * radius + 1, 2 * radius + 1)

    def band(low: int, high: int) -> None:
        top = max(0, low - radius)
        bottom = min(height, high + radius)
        blurred = cv2.GaussianBlur(pixels[top:bottom], size, sigma)
        target[low:high] = blurred[low - top : high - top]

    return PythonTiles(band, height, band_height(height, radius, threads)), target
