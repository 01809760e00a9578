"""What a catalogue says about one program and its arguments. Data, checked; no behaviour."""

from __future__ import annotations

import math
import re
import shutil
from typing import Literal

import msgspec

from tercet.executor import template
from tercet.executor.environment import SEARCH_PATH

# The longest element of argv that Linux takes, with its NUL (MAX_ARG_STRLEN in linux/binfmts.h).
LONGEST_ELEMENT = 128 << 10

INT64 = 2**63


class _Argument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    # One line, with the unit.
    help: str
    # Without a default, an argument is required unless it is optional.
    optional: bool = False


class StringArgument(_Argument, frozen=True, kw_only=True, tag_field="type", tag="string"):
    """Text.

    Attributes:
        pattern: A regular expression that the whole value must match; empty: any text.
    """

    default: str | None = None
    pattern: str = ""

    def __post_init__(self) -> None:
        try:
            pattern = re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"`pattern` is no regular expression: {error}") from None
        if self.default is not None and self.pattern and not pattern.fullmatch(self.default):
            raise ValueError("`default` does not match `pattern`")


class IntegerArgument(_Argument, frozen=True, kw_only=True, tag_field="type", tag="integer"):
    """A whole number from `minimum` to `maximum`."""

    default: int | None = None
    minimum: int = -INT64
    maximum: int = INT64 - 1

    def __post_init__(self) -> None:
        _check_range(self.default, self.minimum, self.maximum)


class RealArgument(_Argument, frozen=True, kw_only=True, tag_field="type", tag="real"):
    """A finite real number from `minimum` to `maximum`."""

    default: float | None = None
    minimum: float = -math.inf
    maximum: float = math.inf

    def __post_init__(self) -> None:
        _check_range(self.default, self.minimum, self.maximum)


class ChoiceArgument(_Argument, frozen=True, kw_only=True, tag_field="type", tag="choice"):
    """One of `choices`."""

    choices: tuple[str, ...]
    default: str | None = None

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("`choices` is empty")
        if self.default is not None and self.default not in self.choices:
            raise ValueError("`default` is none of `choices`")


class InputFileArgument(_Argument, frozen=True, kw_only=True, tag_field="type", tag="input_file"):
    """An existing regular file beneath the media root. The program gets a path that opens it."""


class OutputFileArgument(_Argument, frozen=True, kw_only=True, tag_field="type", tag="output_file"):
    """A file to write beneath the media root. The program gets a path that opens it."""


Argument = (
    StringArgument
    | IntegerArgument
    | RealArgument
    | ChoiceArgument
    | InputFileArgument
    | OutputFileArgument
)


def default_of(argument: Argument) -> str | None:
    """The default as a request would write it, or None."""
    default = getattr(argument, "default", None)
    return None if default is None else str(default)


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A program of the catalogue.

    Attributes:
        path: Absolute path, or a name to be found on the fixed search path.
        argv: What follows it.
        timeout: Longest time it may run, in seconds.
        progress: How it tells its progress; empty if it does not.
    """

    name: str
    help: str
    path: str
    argv: template.Template
    arguments: dict[str, Argument]
    timeout: float
    progress: Literal["", "ffmpeg"] = ""

    def __post_init__(self) -> None:
        if not self.path or "\0" in self.path or ("/" in self.path and self.path[0] != "/"):
            raise ValueError("`path` must be absolute, or a name without a slash")
        if not 0 < self.timeout < math.inf:
            raise ValueError("`timeout` must be a positive number of seconds")
        self._check_names()

    def _check_names(self) -> None:
        declared = self.arguments.keys() | ({template.PROGRESS_FD} if self.progress else set())
        if unknown := sorted(self.argv.names - declared):
            raise ValueError(f"`argv` names {unknown[0]!r}, which is no argument")
        if unused := sorted(declared - self.argv.names):
            raise ValueError(f"`argv` does not use {unused[0]!r}")
        missable = {
            name
            for name, argument in self.arguments.items()
            if argument.optional and default_of(argument) is None
        } | {template.PROGRESS_FD}
        if loose := sorted(self.argv.required & missable):
            raise ValueError(
                f"`argv` needs {loose[0]!r}, which may be missing; put it in a list of its own"
            )
        for group in self.argv.groups:
            if group.optional and not group.names & missable:
                raise ValueError(
                    "`argv` has a list in which nothing can be missing; write its elements directly"
                )

    @property
    def available(self) -> bool:
        """Whether the program is there and may be executed."""
        return shutil.which(self.path, path=SEARCH_PATH) is not None


def _check_range(default: float | None, minimum: float, maximum: float) -> None:
    if math.isnan(minimum) or math.isnan(maximum) or minimum > maximum:
        raise ValueError("`minimum` is above `maximum`")
    if default is not None and not minimum <= default <= maximum:
        raise ValueError("`default` is out of range")
