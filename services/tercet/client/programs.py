"""The programs of a server's catalogue, in plain Python values."""

from __future__ import annotations

import dataclasses

from tercet.executor.v1 import executor_pb2


@dataclasses.dataclass(frozen=True, slots=True)
class Argument:
    """What a program accepts under one name.

    Attributes:
        type: "string", "integer", "real", "choice", "input_file" or "output_file".
        required: Whether a call must name a value.
        default: Used when a call names none; None if there is none.
        minimum: Smallest value of a number; None if there is none.
        maximum: Largest value of a number; None if there is none.
        choices: The values of a choice.
        pattern: Regular expression for a whole string; "" if any text is allowed.
    """

    name: str
    help: str
    type: str
    required: bool
    default: str | None
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    pattern: str


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """One program.

    Attributes:
        available: Whether it was found on the server.
        timeout: Longest time it may run, in seconds.
    """

    name: str
    help: str
    arguments: tuple[Argument, ...]
    available: bool
    timeout: float


def from_response(response: executor_pb2.ListProgramsResponse) -> tuple[Program, ...]:
    return tuple(map(_program, response.programs))


def _program(program: executor_pb2.Program) -> Program:
    return Program(
        name=program.name,
        help=program.help,
        arguments=tuple(map(_argument, program.arguments)),
        available=program.available,
        timeout=program.timeout.ToNanoseconds() / 1e9,
    )


def _argument(argument: executor_pb2.Argument) -> Argument:
    kind = executor_pb2.ArgumentType.Name(argument.type)
    return Argument(
        name=argument.name,
        help=argument.help,
        type=kind.removeprefix("ARGUMENT_TYPE_").lower(),
        required=argument.required,
        default=argument.default if argument.HasField("default") else None,
        minimum=argument.minimum if argument.HasField("minimum") else None,
        maximum=argument.maximum if argument.HasField("maximum") else None,
        choices=tuple(argument.choices),
        pattern=argument.pattern,
    )
