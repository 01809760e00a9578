"""Sum of squares as a job (native/tercet/compute/kernels/_sum_of_squares.pyx)."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from tercet.compute._pool import Job

@final
class SumOfSquares(Job):
    def __init__(self, x: NDArray[np.float64] | NDArray[np.float32]) -> None: ...
    def sum(self) -> float: ...
