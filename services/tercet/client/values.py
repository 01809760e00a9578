"""Python values to protobuf: the type decides, nothing is parsed or rounded."""

from __future__ import annotations

import operator
import os
from typing import Any, TypeGuard

import numpy as np

from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument

Number = int | float | np.integer[Any] | np.floating[Any]

_INT64 = range(-(2**63), 2**63)


def is_number(value: object) -> TypeGuard[Number]:
    """Whether a value is a number; True and False are not (their type is a subclass of int)."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def to_value(number: Number, field: str) -> compute_pb2.Value:
    """A kernel's parameter: whole numbers as `integer`, others as `real`.

    Raises:
        InvalidArgument: A whole number does not fit 64 bits.
    """
    if isinstance(number, float | np.floating):
        return compute_pb2.Value(real=float(number))
    whole = operator.index(number)
    if whole not in _INT64:
        raise InvalidArgument(f"{whole} does not fit a signed 64-bit integer", field=field)
    return compute_pb2.Value(integer=whole)


def from_value(value: compute_pb2.Value) -> int | float | None:
    match value.WhichOneof("kind"):
        case "integer":
            return value.integer
        case "real":
            return value.real
        case _:
            return None


def to_text(value: object, field: str) -> str:
    """A program's argument: text and paths as they are, numbers in decimal.

    Raises:
        InvalidArgument: The value is of another type.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        if isinstance(path, str):
            return path
    if is_number(value):
        # float() first: the repr of a NumPy scalar names its type.
        is_real = isinstance(value, float | np.floating)
        return repr(float(value)) if is_real else str(int(value))
    raise InvalidArgument(
        f"{type(value).__name__} is not text, a path or a number",
        hint="convert it to str",
        field=field,
    )
