"""The parameters of a request, checked against the kernel's declaration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tercet.compute.kernel import Kernel, Number, Parameter
from tercet.compute.v1 import compute_pb2
from tercet.errors import InvalidArgument


def check(kernel: Kernel, given: Mapping[str, compute_pb2.Value]) -> dict[str, Number]:
    """A value for each declared parameter: the given one, or the default.

    Raises:
        InvalidArgument: One is unknown, missing, of the wrong type, not finite or out of range.
    """
    refuse_unknown("parameter", given, [parameter.name for parameter in kernel.parameters], kernel)
    return {p.name: _value(p, given.get(p.name), kernel) for p in kernel.parameters}


def refuse_unknown(kind: str, given: Iterable[str], known: list[str], kernel: Kernel) -> None:
    """Raises InvalidArgument for the first given name that is not known."""
    for name in given:
        if name not in known:
            raise InvalidArgument(
                f"the kernel {kernel.name} has no {kind} {name!r}",
                field=f"{kind}s.{name}",
                hint=f"its {kind}s are: {', '.join(known)}" if known else f"it takes no {kind}s",
                reason=f"UNKNOWN_{kind.upper()}",
            )


def missing(kind: str, name: str, help: str, kernel: Kernel) -> InvalidArgument:
    """The error for a name that the request must have."""
    return InvalidArgument(
        f"the kernel {kernel.name} needs the {kind} {name!r}",
        field=f"{kind}s.{name}",
        hint=f"give {help}",
        reason=f"MISSING_{kind.upper()}",
    )


def _value(parameter: Parameter, given: compute_pb2.Value | None, kernel: Kernel) -> Number:
    kind = given.WhichOneof("kind") if given else None
    if given is None or kind is None:
        if parameter.default is None:
            raise missing("parameter", parameter.name, parameter.help, kernel)
        return parameter.default
    field = f"parameters.{parameter.name}"
    if parameter.type == "integer" and kind != "integer":
        raise InvalidArgument(
            f"{parameter.name} must be a whole number",
            field=field,
            hint="send Value.integer",
            reason="WRONG_TYPE",
        )
    value: Number = given.integer if kind == "integer" else given.real
    if parameter.type == "real":
        value = float(value)
        if not math.isfinite(value):
            raise InvalidArgument(
                f"{parameter.name} must be finite, and is {value}",
                field=field,
                hint=f"give {parameter.minimum} to {parameter.maximum}",
                reason="NOT_FINITE",
            )
    if not parameter.minimum <= value <= parameter.maximum:
        raise InvalidArgument(
            f"{parameter.name} is {value}",
            field=field,
            hint=f"give {parameter.minimum} to {parameter.maximum}",
            reason="OUT_OF_RANGE",
        )
    return value
