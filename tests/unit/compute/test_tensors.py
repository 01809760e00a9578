from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tercet.compute import tensors
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument

ALL = tuple(tensors.DTYPES.values())
FLOAT64 = compute_pb2.ELEMENT_TYPE_FLOAT64


@given(
    st.sampled_from(ALL).flatmap(
        lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0))
    )
)
def test_round_trip(array: np.ndarray):
    message = tensors.to_proto(array)
    back = tensors.from_proto(message, "x", dtypes=ALL, rank=array.ndim)
    assert back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_the_view_is_read_only():
    message = tensors.to_proto(np.arange(3.0))
    assert not tensors.from_proto(message, "x", dtypes=ALL, rank=1).flags.writeable


def test_elements_are_little_endian():
    assert tensors.to_proto(np.array([1])).data == b"\1" + bytes(7)


@pytest.mark.parametrize(
    ("message", "field", "reason"),
    [
        (compute_pb2.Tensor(shape=[0]), "dtype", "WRONG_DTYPE"),
        (compute_pb2.Tensor(dtype=99, shape=[0]), "dtype", "WRONG_DTYPE"),  # type: ignore[arg-type]
        (compute_pb2.Tensor(dtype=1, shape=[0]), "dtype", "WRONG_DTYPE"),  # type: ignore[arg-type]
        (compute_pb2.Tensor(dtype=FLOAT64), "shape", "WRONG_SHAPE"),
        (compute_pb2.Tensor(dtype=FLOAT64, shape=[1, 1]), "shape", "WRONG_SHAPE"),
        (compute_pb2.Tensor(dtype=FLOAT64, shape=[-1]), "shape", "WRONG_SHAPE"),
        (compute_pb2.Tensor(dtype=FLOAT64, shape=[1], data=b"1234567"), "data", "WRONG_LENGTH"),
        (compute_pb2.Tensor(dtype=FLOAT64, shape=[0], data=b"1"), "data", "WRONG_LENGTH"),
        # 2^61 x 8 is 0 in 64 bits.
        (compute_pb2.Tensor(dtype=FLOAT64, shape=[2**61]), "data", "WRONG_LENGTH"),
    ],
)
def test_what_does_not_fit_is_refused(message: compute_pb2.Tensor, field: str, reason: str):
    with pytest.raises(InvalidArgument) as refused:
        tensors.from_proto(message, "inputs.x", dtypes=(np.dtype("<f8"),), rank=1)
    assert refused.value.field == f"inputs.x.{field}"
    assert refused.value.reason == reason
    assert refused.value.hint
