"""Uniform pseudo-random numbers as jobs (native/tercet/compute/kernels/_uniform.pyx)."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from tercet.compute._pool import Job

@final
class Fill(Job):
    def __init__(self, seed: int, n: int) -> None: ...
    @property
    def output(self) -> NDArray[np.float64]: ...

@final
class RandomSum(Job):
    def __init__(self, seed: int, n: int) -> None: ...
    def sum(self) -> float: ...
