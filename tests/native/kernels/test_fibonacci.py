import numpy as np
import pytest

from tercet.compute.kernels._fibonacci import Fibonacci


def reference(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


# On both sides of the depth from which the flag is polled (24).
@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 22, 23, 24, 25, 26, 30])
def test_equals_the_sum_of_its_two_predecessors(run, n: int):
    output = run(Fibonacci(n, 3)).output
    assert output.dtype == np.int64
    assert output.tolist() == [reference(n)] * 3


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_task_is_a_tile(run, threads: int):
    job = run(Fibonacci(20, 1024), threads)
    assert (job.tiles, job.threads) == (1024, threads)
    assert (job.output == reference(20)).all()
