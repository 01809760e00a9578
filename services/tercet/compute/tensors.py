"""Tensors between protobuf and NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument

Array = NDArray[Any]

# Little-endian, as the contract says: on another machine NumPy swaps when it reads.
DTYPES: dict[int, np.dtype[Any]] = {
    compute_pb2.ELEMENT_TYPE_UINT8: np.dtype("u1"),
    compute_pb2.ELEMENT_TYPE_INT64: np.dtype("<i8"),
    compute_pb2.ELEMENT_TYPE_FLOAT32: np.dtype("<f4"),
    compute_pb2.ELEMENT_TYPE_FLOAT64: np.dtype("<f8"),
}
ELEMENT_TYPES = {dtype: element_type for element_type, dtype in DTYPES.items()}


def names(dtypes: Sequence[np.dtype[Any]]) -> str:
    """The dtypes as a message says them: `float64 or float32`."""
    return " or ".join(dtype.name for dtype in dtypes)


def from_proto(
    tensor: compute_pb2.Tensor, field: str, *, dtypes: Sequence[np.dtype[Any]], rank: int
) -> Array:
    """A read-only view of the message's bytes.

    Args:
        field: The tensor's path in the request, for errors.
        dtypes: Element types accepted.
        rank: Number of dimensions required.

    Raises:
        InvalidArgument: Wrong dtype, rank, dimension or length of the data.
    """
    dtype = DTYPES.get(tensor.dtype)
    if dtype is None or dtype not in dtypes:
        got = dtype.name if dtype else f"element type {tensor.dtype}"
        raise InvalidArgument(
            f"the tensor has {got}",
            field=f"{field}.dtype",
            hint=f"send {names(dtypes)}",
            reason="WRONG_DTYPE",
        )
    shape = tuple(tensor.shape)
    if len(shape) != rank:
        raise InvalidArgument(
            f"the tensor has {len(shape)} dimensions",
            field=f"{field}.shape",
            hint=f"send one of {rank}",
            reason="WRONG_SHAPE",
        )
    if min(shape, default=0) < 0:
        raise InvalidArgument(
            f"the shape {list(shape)} has a negative dimension",
            field=f"{field}.shape",
            hint="give the number of elements along each dimension, 0 or more",
            reason="WRONG_SHAPE",
        )
    data = tensor.data  # Once: each access copies.
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise InvalidArgument(
            f"the tensor has {len(data)} bytes of data",
            field=f"{field}.data",
            hint=f"shape {list(shape)} of {dtype.name} takes {expected}",
            reason="WRONG_LENGTH",
        )
    return np.frombuffer(data, dtype).reshape(shape)


def to_proto(array: Array) -> compute_pb2.Tensor:
    """The message of an array of one of `DTYPES`; copies its elements once."""
    return compute_pb2.Tensor(
        dtype=ELEMENT_TYPES[array.dtype],  # type: ignore[arg-type]
        shape=array.shape,
        data=array.tobytes(),
    )
