"""The servicer of tercet.compute.v1.Compute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc.aio
import msgspec

from tercet.compute import parameters, tensors
from tercet.compute.config import ComputeConfig
from tercet.compute.inputs import Inputs
from tercet.compute.memory import Memory
from tercet.compute.pool import Pool
from tercet.compute.registry import Registry
from tercet.compute.timing import timing
from tercet.compute.v1 import compute_pb2, compute_pb2_grpc
from tercet.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from tercet.compute.images.processor import Processor


class Compute(compute_pb2_grpc.ComputeServicer):
    """Runs kernels and image operations on one pool.

    Args:
        images: None if the extra `image` is not installed.
    """

    def __init__(
        self, pool: Pool, registry: Registry, inputs: Inputs, images: Processor | None
    ) -> None:
        self._pool = pool
        self._registry = registry
        self._inputs = inputs
        self._images = images

    async def ListKernels(
        self, request: compute_pb2.ListKernelsRequest, context: Any
    ) -> compute_pb2.ListKernelsResponse:
        return compute_pb2.ListKernelsResponse(
            kernels=self._registry.listing(), threads=self._pool.threads
        )

    async def Run(self, request: compute_pb2.RunRequest, context: Any) -> compute_pb2.RunResponse:
        kernel = self._registry.find(request.kernel)
        values = parameters.check(kernel, request.parameters)
        threads = request.threads
        if threads < 0:
            raise InvalidArgument(
                f"threads is {threads}",
                field="threads",
                hint="give 0 for all of the pool's, or a number above 0",
                reason="OUT_OF_RANGE",
            )
        async with self._inputs.made(kernel, request.inputs, threads) as arrays:
            task = kernel.prepare(values, arrays)
            await self._pool.run(task.job, threads)
            outputs = {name: tensors.to_proto(array) for name, array in task.outputs().items()}
        return compute_pb2.RunResponse(outputs=outputs, timing=timing(task.job))

    async def ProcessImage(
        self, request: compute_pb2.ProcessImageRequest, context: Any
    ) -> compute_pb2.ProcessImageResponse:
        if self._images is None:
            raise FailedPrecondition(
                "this server has no image libraries",
                hint="install them on the server: pip install 'tercet[image]'",
                reason="MISSING_EXTRA",
            )
        return await self._images.process(request)


def register(server: grpc.aio.Server, **options: Any) -> Callable[[], Awaitable[None]]:
    """Adds the service to a server. To be called in the running loop.

    Args:
        options: The keys of `ComputeConfig`.

    Returns:
        What ends the pool, to be awaited after the server has stopped.

    Raises:
        msgspec.ValidationError: An option is unknown, of the wrong type or out of range.
    """
    config = msgspec.convert(options, ComputeConfig)
    pool = Pool(config.resolved_threads(), config.queue_limit)
    memory = Memory(config.memory_limit)
    inputs = Inputs(pool, memory, config.max_fill_elements)
    servicer = Compute(pool, Registry(), inputs, _images(pool, memory, config))
    compute_pb2_grpc.add_ComputeServicer_to_server(servicer, server)

    async def close() -> None:
        await pool.close()

    return close


def _images(pool: Pool, memory: Memory, config: ComputeConfig) -> Processor | None:
    # At the start, not at the first call: OpenCV takes a tenth of a second to load.
    try:
        from tercet.compute.images.processor import Processor
    except ImportError:
        return None
    return Processor(pool, memory, config)
