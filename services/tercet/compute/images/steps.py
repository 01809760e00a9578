"""The operations of a request, checked and ready to be applied."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from tercet.compute._pool import Job
from tercet.compute.images.blur import blur
from tercet.compute.images.codec import Pixels
from tercet.compute.images.gain import gain
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument

MAX_GAIN = 255.0
MAX_SIGMA = 100.0

# Makes the job of one step, and the array that holds the result once the job is done.
Step = Callable[[Pixels], tuple[Job, Pixels]]


def steps(operations: Iterable[compute_pb2.ImageOperation], threads: int) -> list[Step]:
    """One step per operation.

    Args:
        threads: Threads of the pool.

    Raises:
        InvalidArgument: An operation is not set, or a number is not finite or out of range.
    """
    return [_step(operation, f"operations[{i}]", threads) for i, operation in enumerate(operations)]


def _step(operation: compute_pb2.ImageOperation, field: str, threads: int) -> Step:
    kind = operation.WhichOneof("operation")
    if kind == "gain":
        given = operation.gain
        factors = [
            _checked(getattr(given, name), f"{field}.gain.{name}", MAX_GAIN)
            for name in ("red", "green", "blue")
        ]
        return lambda pixels: gain(pixels, *factors)
    if kind == "blur":
        sigma = _checked(operation.blur.sigma, f"{field}.blur.sigma", MAX_SIGMA, zero=False)
        return lambda pixels: blur(pixels, sigma, threads)
    raise InvalidArgument(
        "the operation is not set", field=field, hint="set gain or blur", reason="NO_OPERATION"
    )


def _checked(value: float, field: str, maximum: float, *, zero: bool = True) -> float:
    name = field.rpartition(".")[2]
    allowed = f"give {'0' if zero else 'more than 0'} to {maximum:g}"
    if not math.isfinite(value):
        raise InvalidArgument(
            f"{name} must be finite, and is {value}",
            field=field,
            hint=allowed,
            reason="NOT_FINITE",
        )
    if not 0 <= value <= maximum or (value == 0 and not zero):
        raise InvalidArgument(
            f"{name} is {value}",
            field=field,
            hint=allowed,
            reason="OUT_OF_RANGE",
        )
    return value
