"""Arrays between NumPy and the wire."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tercet.client.peer import Peer
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument, TercetError

_ELEMENT: dict[np.dtype[Any], compute_pb2.ElementType] = {
    np.dtype(np.uint8): compute_pb2.ELEMENT_TYPE_UINT8,
    np.dtype(np.int64): compute_pb2.ELEMENT_TYPE_INT64,
    np.dtype(np.float32): compute_pb2.ELEMENT_TYPE_FLOAT32,
    np.dtype(np.float64): compute_pb2.ELEMENT_TYPE_FLOAT64,
}
_DTYPE = {element: dtype.newbyteorder("<") for dtype, element in _ELEMENT.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Fill:
    """An input that the server makes itself: float64, uniform in [0, 1).

    Args:
        seed: Seed of the generator, 0 to 2^64 - 1.
        n: Number of elements.
    """

    seed: int
    n: int


def to_input(value: npt.ArrayLike | Fill, field: str, peer: Peer) -> compute_pb2.Input:
    """An input of a kernel.

    Raises:
        InvalidArgument: The element type is none of the contract's (nothing is converted, since
            a silent copy of another type would hide a loss), or the array is larger than a
            message may be.
    """
    if isinstance(value, Fill):
        try:
            return compute_pb2.Input(fill=compute_pb2.Fill(seed=value.seed, n=value.n))
        except (TypeError, ValueError) as error:
            raise InvalidArgument(f"{value} does not fit: {error}", field=field) from error
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidArgument(f"not an array: {error}", field=field) from error
    element = _ELEMENT.get(array.dtype.newbyteorder("="))
    if element is None:
        raise InvalidArgument(
            f"elements of type {array.dtype} cannot be sent",
            hint=f"convert them to one of {', '.join(map(str, _ELEMENT))}, as with .astype()",
            field=field,
        )
    # Before the copy that tobytes() makes: the array may be most of this machine's memory.
    peer.check_size(
        array.nbytes,
        f"the array of {field}",
        instead="let the server make the input with tercet.client.Fill",
        field=field,
    )
    data = array.astype(_DTYPE[element], copy=False).tobytes()
    return compute_pb2.Input(tensor=compute_pb2.Tensor(dtype=element, shape=array.shape, data=data))


def from_tensor(tensor: compute_pb2.Tensor) -> npt.NDArray[Any]:
    """A read-only array over the received bytes, without a copy; `.copy()` gives a writable one."""
    dtype = _DTYPE.get(tensor.dtype)
    if dtype is None:
        name = dtype_name(tensor.dtype)
        raise TercetError(f"the answer has elements of type {name}", hint="upgrade this client")
    return np.frombuffer(tensor.data, dtype=dtype).reshape(tuple(tensor.shape))


def dtype_name(element: compute_pb2.ElementType) -> str:
    """The NumPy name of an element type; of one newer than this client, its number."""
    dtype = _DTYPE.get(element)
    return str(element) if dtype is None else dtype.name
