"""The catalogue as ListPrograms shows it."""

from __future__ import annotations

import math

from tercet.executor.outcome import duration
from tercet.executor.program import (
    INT64,
    Argument,
    ChoiceArgument,
    InputFileArgument,
    IntegerArgument,
    OutputFileArgument,
    Program,
    RealArgument,
    StringArgument,
    default_of,
)
from tercet.executor.v1 import executor_pb2 as pb


def program(entry: Program) -> pb.Program:
    return pb.Program(
        name=entry.name,
        help=entry.help,
        arguments=[_argument(name, each) for name, each in entry.arguments.items()],
        available=entry.available,
        timeout=duration(entry.timeout),
    )


def _argument(name: str, argument: Argument) -> pb.Argument:
    default = default_of(argument)
    made = pb.Argument(
        name=name,
        help=argument.help,
        default=default,
        required=default is None and not argument.optional,
    )
    match argument:
        case StringArgument():
            made.type = pb.ARGUMENT_TYPE_STRING
            made.pattern = argument.pattern
        case IntegerArgument():
            made.type = pb.ARGUMENT_TYPE_INTEGER
            # The type's own ends are no ranges worth showing.
            if argument.minimum > -INT64:
                made.minimum = argument.minimum
            if argument.maximum < INT64 - 1:
                made.maximum = argument.maximum
        case RealArgument():
            made.type = pb.ARGUMENT_TYPE_REAL
            if math.isfinite(argument.minimum):
                made.minimum = argument.minimum
            if math.isfinite(argument.maximum):
                made.maximum = argument.maximum
        case ChoiceArgument():
            made.type = pb.ARGUMENT_TYPE_CHOICE
            made.choices.extend(argument.choices)
        case InputFileArgument():
            made.type = pb.ARGUMENT_TYPE_INPUT_FILE
        case OutputFileArgument():
            made.type = pb.ARGUMENT_TYPE_OUTPUT_FILE
    return made
