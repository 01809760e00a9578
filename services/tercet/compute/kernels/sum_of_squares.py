"""`sum_of_squares`: one pass over memory, without the temporary of `(x * x).sum()`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tercet.compute.kernel import Kernel, Number, Port, Task
from tercet.compute.kernels._sum_of_squares import SumOfSquares
from tercet.compute.tensors import Array


def _prepare(parameters: Mapping[str, Number], inputs: Mapping[str, Array]) -> Task:
    job = SumOfSquares(inputs["values"])
    return Task(job, lambda: {"sum": np.array(job.sum())})


KERNEL = Kernel(
    name="sum_of_squares",
    help="the sum of values[i]^2, accumulated in float64; the same bits for any number of threads",
    prepare=_prepare,
    inputs=(
        Port(name="values", help="the numbers", dtypes=(np.dtype("<f8"), np.dtype("<f4")), rank=1),
    ),
    outputs=(Port(name="sum", help="the sum", dtypes=(np.dtype("<f8"),), rank=0),),
)
