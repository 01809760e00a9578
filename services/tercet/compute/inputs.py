"""The inputs of a request: sent tensors as views, fills made on the pool."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import numpy as np

from tercet.compute import tensors
from tercet.compute.kernel import Kernel, Port
from tercet.compute.kernels._uniform import Fill
from tercet.compute.memory import Memory
from tercet.compute.parameters import missing, refuse_unknown
from tercet.compute.pool import Pool
from tercet.compute.tensors import Array
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument

FILL = np.dtype("<f8")


class Inputs:
    """Makes the inputs of calls.

    Args:
        max_fill: Most elements of one fill.
    """

    def __init__(self, pool: Pool, memory: Memory, max_fill: int) -> None:
        self._pool = pool
        self._memory = memory
        self._max_fill = max_fill

    @contextlib.asynccontextmanager
    async def made(
        self, kernel: Kernel, given: Mapping[str, compute_pb2.Input], threads: int
    ) -> AsyncIterator[dict[str, Array]]:
        """Gives an array for each declared input, for the length of the `async with` block.

        Raises:
            InvalidArgument: One is unknown, missing, or of the wrong dtype, shape or size.
            ResourceExhausted: There is no memory left for a fill, or the queue is full.
        """
        refuse_unknown("input", given, [port.name for port in kernel.inputs], kernel)
        arrays: dict[str, Array] = {}
        fills: dict[str, compute_pb2.Fill] = {}
        # All checks come before the first fill.
        for port in kernel.inputs:
            source = given[port.name].WhichOneof("source") if port.name in given else None
            if source == "tensor":
                arrays[port.name] = tensors.from_proto(
                    given[port.name].tensor,
                    f"inputs.{port.name}.tensor",
                    dtypes=port.dtypes,
                    rank=port.rank,
                )
            elif source == "fill":
                fills[port.name] = self._checked(port, given[port.name].fill)
            else:
                raise missing("input", port.name, port.help, kernel)
        with self._memory.holding(sum(fill.n * FILL.itemsize for fill in fills.values())):
            for name, fill in fills.items():
                job = Fill(fill.seed, fill.n)
                await self._pool.run(job, threads)
                arrays[name] = job.output
            yield arrays

    def _checked(self, port: Port, fill: compute_pb2.Fill) -> compute_pb2.Fill:
        field = f"inputs.{port.name}.fill"
        if FILL not in port.dtypes or port.rank != 1:
            raise InvalidArgument(
                "a fill makes float64 of one dimension",
                field=field,
                hint=f"send a tensor of {tensors.names(port.dtypes)} with {port.rank} dimensions",
                reason="WRONG_DTYPE",
            )
        if not 1 <= fill.n <= self._max_fill:
            raise InvalidArgument(
                f"the fill has n = {fill.n}",
                field=f"{field}.n",
                hint=f"give 1 to {self._max_fill} (compute.max_fill_elements)",
                reason="OUT_OF_RANGE",
            )
        return fill
