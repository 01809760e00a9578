"""`random_sum`: sums pseudo-random numbers, the classic "/heavy" route of a web server demo."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tercet.compute.kernel import Kernel, Number, Parameter, Port, Task
from tercet.compute.kernels._uniform import RandomSum
from tercet.compute.tensors import Array


def _prepare(parameters: Mapping[str, Number], inputs: Mapping[str, Array]) -> Task:
    job = RandomSum(int(parameters["seed"]), int(parameters["count"]))
    return Task(job, lambda: {"sum": np.array(job.sum())})


KERNEL = Kernel(
    name="random_sum",
    help="the sum of uniform pseudo-random numbers in [0, 1), those of a fill with the same seed",
    prepare=_prepare,
    parameters=(
        Parameter(
            name="count",
            help="how many numbers",
            type="integer",
            minimum=1,
            maximum=10_000_000_000,
        ),
        Parameter(
            name="seed",
            help="seed of the generator",
            type="integer",
            minimum=0,
            maximum=(1 << 63) - 1,
            default=0,
        ),
    ),
    outputs=(Port(name="sum", help="the sum", dtypes=(np.dtype("<f8"),), rank=0),),
)
