"""`fibonacci`: the classic work of a worker demo."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tercet.compute.kernel import Kernel, Number, Parameter, Port, Task
from tercet.compute.kernels._fibonacci import Fibonacci
from tercet.compute.tensors import Array


def _prepare(parameters: Mapping[str, Number], inputs: Mapping[str, Array]) -> Task:
    job = Fibonacci(int(parameters["n"]), int(parameters["tasks"]))
    return Task(job, lambda: {"values": job.output})


KERNEL = Kernel(
    name="fibonacci",
    help="the n-th Fibonacci number by naive recursion, as many times as there are tasks",
    prepare=_prepare,
    parameters=(
        Parameter(name="n", help="index of the number", type="integer", minimum=0, maximum=50),
        Parameter(
            name="tasks",
            help="times to compute it, each on one thread",
            type="integer",
            minimum=1,
            maximum=1024,
            default=1,
        ),
    ),
    outputs=(Port(name="values", help="one per task", dtypes=(np.dtype("<i8"),), rank=1),),
)
