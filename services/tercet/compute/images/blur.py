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

    A halo of 2 radii costs at most a quarter of the band's work, unless the image is too low to
    give each thread such a band; then at most as much again. 64 rows at least: a call of OpenCV
    takes some microseconds.
    """
    cheap = max(64, 8 * radius)
    return min(cheap, max(64, 2 * radius, -(-height // threads)))


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
