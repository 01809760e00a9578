"""`client.compute`: kernels as calls, NumPy in and out."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping

import grpc.aio
import numpy.typing as npt

from tercet.client import images, kernels, results
from tercet.client.peer import Peer
from tercet.client.tensors import Fill, to_input
from tercet.client.values import Number, is_number, to_value
from tercet.compute.v1 import compute_pb2, compute_pb2_grpc

Argument = Number | npt.ArrayLike | Fill


class Compute:
    """The compute service. Each kernel is also a method: `await compute.fibonacci(n=35)`.

    Every call raises `CallError` if the server refuses or cannot be reached, and
    `tercet.errors.InvalidArgument` for what the contract cannot carry. Cancelling the awaiting
    task stops the job on the server.
    """

    def __init__(self, channel: grpc.aio.Channel, peer: Peer) -> None:
        self._stub = compute_pb2_grpc.ComputeStub(channel)
        self._peer = peer

    async def list_kernels(self) -> kernels.Kernels:
        """The kernels of the server, with their parameters, inputs and outputs."""
        request = compute_pb2.ListKernelsRequest()
        return kernels.from_response(await self._peer.call(self._stub.ListKernels, request))

    async def run(
        self,
        kernel: str,
        arguments: Mapping[str, Argument] | None = None,
        /,
        *,
        threads: int = 0,
        timeout: float | None = None,
        **more: Argument,
    ) -> results.Result:
        """Runs one kernel.

        Args:
            arguments: Parameters and inputs by name. A number is a parameter: whole numbers are
                sent as integers, others as reals. An array, a sequence or a `Fill` is an input.
            threads: Most threads that may work on it; 0 means all of the server's pool.
            timeout: Deadline in seconds, waiting included; None means none.
            more: As `arguments`; for a name that is one of this method's own, use `arguments`.
        """
        request = compute_pb2.RunRequest(kernel=kernel, threads=threads)
        for name, value in {**(arguments or {}), **more}.items():
            if is_number(value):
                request.parameters[name].CopyFrom(to_value(value, f"parameters.{name}"))
            else:
                request.inputs[name].CopyFrom(to_input(value, f"inputs.{name}", self._peer))
        response = await self._peer.call(
            self._stub.Run,
            request,
            timeout=timeout,
            instead="let the server make an input with tercet.client.Fill",
        )
        return results.from_response(response)

    async def image(
        self,
        data: bytes,
        operations: Iterable[images.Operation] = (),
        *,
        gain: tuple[float, float, float] | None = None,
        blur: float | None = None,
        format: str | None = None,
        timeout: float | None = None,
    ) -> images.Image:
        """Decodes an image, applies operations, and encodes the result.

        Args:
            data: A JPEG or PNG file.
            operations: Steps in order, such as `[Blur(2), Gain(red=1.2)]`.
            gain: Shorthand for one `Gain`: factors of red, green and blue, 0 to 255.
            blur: Shorthand for one `Blur`: sigma in pixels. Comes after `gain`, both come after
                `operations`.
            format: "jpeg" or "png"; None means that of `data`.
            timeout: Deadline in seconds; None means none.
        """
        steps = list(operations)
        if gain is not None:
            steps.append(images.Gain(*gain))
        if blur is not None:
            steps.append(images.Blur(blur))
        request = compute_pb2.ProcessImageRequest(
            image=data,
            operations=map(images.to_operation, steps),
            format=images.to_format(format),
        )
        response = await self._peer.call(
            self._stub.ProcessImage, request, timeout=timeout, instead="send a smaller image"
        )
        return images.from_response(response)

    def __getattr__(self, kernel: str) -> Callable[..., Awaitable[results.Result]]:
        # Underscored names are asked for by copy, pickle and REPLs; no kernel has one.
        if kernel.startswith("_"):
            raise AttributeError(kernel)
        return functools.partial(self.run, kernel)
