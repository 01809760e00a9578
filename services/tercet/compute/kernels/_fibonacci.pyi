"""Naive Fibonacci numbers as a job (native/tercet/compute/kernels/_fibonacci.pyx)."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from tercet.compute._pool import Job

@final
class Fibonacci(Job):
    def __init__(self, n: int, tasks: int) -> None: ...
    @property
    def output(self) -> NDArray[np.int64]: ...
