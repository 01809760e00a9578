from __future__ import annotations

import numpy as np
import pytest

from tercet.compute import tensors
from tercet.compute._pool import Job
from tercet.compute.inputs import Inputs
from tercet.compute.kernel import Kernel, Port, Task
from tercet.compute.kernels._uniform import Fill
from tercet.compute.memory import Memory
from tercet.compute.pool import Pool
from tercet.compute.v1 import compute_pb2
from tercet.compute.v1.compute_pb2 import Input
from tercet.errors import InvalidArgument, ResourceExhausted

F8 = np.dtype("<f8")
U1 = np.dtype("u1")
KERNEL = Kernel(
    name="k",
    help="",
    prepare=lambda parameters, inputs: Task(Job(), dict),
    inputs=(
        Port(name="x", help="numbers", dtypes=(F8,), rank=1),
        Port(name="y", help="bytes", dtypes=(U1,), rank=2),
    ),
)
Y = Input(tensor=tensors.to_proto(np.zeros((2, 3), U1)))


@pytest.fixture
def memory() -> Memory:
    return Memory(8000)


@pytest.fixture
def inputs(pool: Pool, memory: Memory) -> Inputs:
    return Inputs(pool, memory, max_fill=2000)


def fill(n: int) -> Input:
    return Input(fill=compute_pb2.Fill(seed=5, n=n))


async def test_a_tensor_and_a_fill(inputs: Inputs, pool: Pool, memory: Memory):
    async with inputs.made(KERNEL, {"x": fill(1000), "y": Y}, threads=0) as arrays:
        assert memory.held == 8000
        assert arrays["y"].shape == (2, 3)
        job = Fill(5, 1000)
        await pool.run(job)
        np.testing.assert_array_equal(arrays["x"], job.output)
    assert memory.held == 0


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"y": Y}, "inputs.x", "MISSING_INPUT"),
        ({"x": Input(), "y": Y}, "inputs.x", "MISSING_INPUT"),
        ({"x": fill(1), "y": Y, "z": Y}, "inputs.z", "UNKNOWN_INPUT"),
        ({"x": Y, "y": Y}, "inputs.x.tensor.dtype", "WRONG_DTYPE"),
        ({"x": fill(1), "y": fill(1)}, "inputs.y.fill", "WRONG_DTYPE"),
        ({"x": fill(0), "y": Y}, "inputs.x.fill.n", "OUT_OF_RANGE"),
        ({"x": fill(-1), "y": Y}, "inputs.x.fill.n", "OUT_OF_RANGE"),
        ({"x": fill(2001), "y": Y}, "inputs.x.fill.n", "OUT_OF_RANGE"),
    ],
)
async def test_refusals(
    inputs: Inputs, pool: Pool, given: dict[str, Input], field: str, reason: str
):
    with pytest.raises(InvalidArgument) as refused:
        async with inputs.made(KERNEL, given, threads=0):
            pass
    assert (refused.value.field, refused.value.reason) == (field, reason)
    assert pool.statistics()["submitted"] == 0


async def test_a_fill_beyond_the_memory_is_refused(inputs: Inputs, memory: Memory):
    with pytest.raises(ResourceExhausted):
        async with inputs.made(KERNEL, {"x": fill(1001), "y": Y}, threads=0):
            pass
    assert memory.held == 0
