"""What a kernel declares: its name, parameters, inputs, outputs, and how its job is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from tercet.compute._pool import Job
from tercet.compute.tensors import Array

Number = int | float


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A number that the caller gives. `minimum` and `maximum` are included in the range."""

    name: str
    help: str
    type: Literal["integer", "real"]
    minimum: Number
    maximum: Number
    # None: the caller must give it.
    default: Number | None = None


@dataclass(frozen=True, kw_only=True)
class Port:
    """An array that goes in or comes out."""

    name: str
    help: str
    dtypes: tuple[np.dtype[Any], ...]
    rank: int


class Task(NamedTuple):
    """One run of a kernel."""

    job: Job
    # To be called once the job is done and was not cancelled.
    outputs: Callable[[], dict[str, Array]]


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A function for the pool.

    `prepare(parameters, inputs)` gets every parameter and input, checked against the declaration
    (a real one as float, arrays C-contiguous and perhaps read-only), and makes the task.
    """

    name: str
    help: str
    prepare: Callable[[Mapping[str, Number], Mapping[str, Array]], Task]
    parameters: tuple[Parameter, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
