"""What a server's kernels accept and produce, in plain Python values."""

from __future__ import annotations

import dataclasses

from tercet.client.tensors import dtype_name
from tercet.client.values import from_value
from tercet.compute.v1 import compute_pb2

_TYPES = {
    compute_pb2.PARAMETER_TYPE_INTEGER: "integer",
    compute_pb2.PARAMETER_TYPE_REAL: "real",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a kernel takes.

    Attributes:
        type: "integer" or "real".
        default: None if the parameter is required.
    """

    name: str
    help: str
    type: str
    minimum: float | int | None
    maximum: float | int | None
    default: float | int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """An input or output.

    Attributes:
        dtypes: NumPy names of the element types.
        rank: Number of dimensions.
    """

    name: str
    help: str
    dtypes: tuple[str, ...]
    rank: int


@dataclasses.dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel; its inputs are all required."""

    name: str
    help: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Kernels:
    """All kernels of a server.

    Attributes:
        threads: Number of threads in the server's pool.
    """

    kernels: tuple[Kernel, ...]
    threads: int


def from_response(response: compute_pb2.ListKernelsResponse) -> Kernels:
    return Kernels(tuple(map(_kernel, response.kernels)), response.threads)


def _kernel(kernel: compute_pb2.Kernel) -> Kernel:
    return Kernel(
        name=kernel.name,
        help=kernel.help,
        parameters=tuple(map(_parameter, kernel.parameters)),
        inputs=tuple(map(_port, kernel.inputs)),
        outputs=tuple(map(_port, kernel.outputs)),
    )


def _parameter(parameter: compute_pb2.Parameter) -> Parameter:
    return Parameter(
        name=parameter.name,
        help=parameter.help,
        type=_TYPES.get(parameter.type, "unknown"),
        minimum=from_value(parameter.minimum),
        maximum=from_value(parameter.maximum),
        default=from_value(parameter.default),
    )


def _port(port: compute_pb2.Port) -> Port:
    return Port(port.name, port.help, tuple(map(dtype_name, port.dtypes)), port.rank)
