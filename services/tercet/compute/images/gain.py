"""Gain per channel, in place, by the native kernel."""

from __future__ import annotations

from tercet.compute._pool import Job
from tercet.compute.images.codec import Pixels
from tercet.compute.kernels._gain import Gain


def gain(pixels: Pixels, red: float, green: float, blue: float) -> tuple[Job, Pixels]:
    """A job that multiplies the channels of `pixels` in place, saturating at 255.

    Each value becomes min(255, rint(float32(value) * float32(factor))): half to even.
    """
    flat = pixels.reshape(-1)
    return Gain(flat, flat, red, green, blue), pixels
