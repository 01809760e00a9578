"""The kernels by name, and their listing."""

from __future__ import annotations

from collections.abc import Iterable

from tercet.compute.kernel import Kernel, Number, Parameter, Port
from tercet.compute.kernels import fibonacci, random_sum, sum_of_squares
from tercet.compute.tensors import ELEMENT_TYPES
from tercet.compute.v1 import compute_pb2
from tercet.errors import NotFound

BUILT_IN = (fibonacci.KERNEL, random_sum.KERNEL, sum_of_squares.KERNEL)

TYPES = {
    "integer": compute_pb2.PARAMETER_TYPE_INTEGER,
    "real": compute_pb2.PARAMETER_TYPE_REAL,
}


class Registry:
    """Finds a kernel by its name."""

    def __init__(self, kernels: Iterable[Kernel] = BUILT_IN) -> None:
        self._kernels = {kernel.name: kernel for kernel in kernels}

    def find(self, name: str) -> Kernel:
        """The kernel of that name.

        Raises:
            NotFound: There is none.
        """
        try:
            return self._kernels[name]
        except KeyError:
            raise NotFound(
                f"there is no kernel {name!r}",
                hint=f"the kernels are: {', '.join(sorted(self._kernels))}",
                reason="UNKNOWN_KERNEL",
                field="kernel",
            ) from None

    def listing(self) -> list[compute_pb2.Kernel]:
        """All kernels as messages, sorted by name."""
        return [_kernel(self._kernels[name]) for name in sorted(self._kernels)]


def _kernel(kernel: Kernel) -> compute_pb2.Kernel:
    return compute_pb2.Kernel(
        name=kernel.name,
        help=kernel.help,
        parameters=[_parameter(parameter) for parameter in kernel.parameters],
        inputs=[_port(port) for port in kernel.inputs],
        outputs=[_port(port) for port in kernel.outputs],
    )


def _parameter(parameter: Parameter) -> compute_pb2.Parameter:
    def value(number: Number | None) -> compute_pb2.Value | None:
        if number is None:
            return None
        if parameter.type == "integer":
            return compute_pb2.Value(integer=int(number))
        return compute_pb2.Value(real=number)

    return compute_pb2.Parameter(
        name=parameter.name,
        help=parameter.help,
        type=TYPES[parameter.type],
        minimum=value(parameter.minimum),
        maximum=value(parameter.maximum),
        default=value(parameter.default),
    )


def _port(port: Port) -> compute_pb2.Port:
    return compute_pb2.Port(
        name=port.name,
        help=port.help,
        dtypes=[ELEMENT_TYPES[dtype] for dtype in port.dtypes],  # type: ignore[misc]
        rank=port.rank,
    )
