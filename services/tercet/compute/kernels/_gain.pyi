"""Gain of an RGB image as a job (native/tercet/compute/kernels/_gain.pyx)."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from tercet.compute._pool import Job

@final
class Gain(Job):
    def __init__(
        self,
        source: NDArray[np.uint8],
        target: NDArray[np.uint8],
        red: float,
        green: float,
        blue: float,
    ) -> None: ...
