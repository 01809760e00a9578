"""Reads catalogues: TOML files that say which programs may be run, and with which arguments.

Everything is checked when the service starts, so that no request can meet a broken entry.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from tercet.errors import ConfigError
from tercet.executor import template
from tercet.executor.program import Argument, Program

BUILT_IN = Path(__file__).with_name("catalogue.toml")

Catalogue = Mapping[str, Program]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    programs: dict[str, dict[str, Any]] = {}
    # Whether the built-in programs are there too.
    built_in: bool = True


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    help: str
    argv: list[str | list[str]] = []
    timeout: float = 60.0
    progress: Literal["", "ffmpeg"] = ""
    arguments: dict[str, dict[str, Any]] = {}


def load(path: str = "") -> Catalogue:
    """The built-in programs and those of a file, by name, sorted.

    Args:
        path: A catalogue whose programs are added, and replace those of the same name; with
            `built_in = false` in it, it stands alone. Empty: the built-in programs only.

    Raises:
        ConfigError: A file cannot be read or is wrong; names file, program and field.
    """
    programs: dict[str, Program] = {}
    alone = False
    if path:
        file = _read(Path(path))
        alone = not file.built_in
        programs = _programs(file, path)
    if not alone:
        programs = _programs(_read(BUILT_IN), str(BUILT_IN)) | programs
    return MappingProxyType(dict(sorted(programs.items())))


def _read(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    except OSError as error:
        raise ConfigError(
            f"the catalogue {path} cannot be read: {error.strerror}",
            hint="set `catalogue` to a readable TOML file",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the catalogue {path} is no TOML: {error}", hint="correct the file"
        ) from None
    except msgspec.ValidationError as error:
        raise _wrong(str(path), "", error) from None


def _programs(file: _File, path: str) -> dict[str, Program]:
    return {name: _program(name, entry, path) for name, entry in file.programs.items()}


def _program(name: str, entry: dict[str, Any], path: str) -> Program:
    where = f"program {name!r}"
    try:
        read = msgspec.convert(entry, _Entry)
        arguments = {}
        for argument, fields in read.arguments.items():
            where = f"program {name!r}, argument {argument!r}"
            arguments[argument] = _argument(argument, fields)
        where = f"program {name!r}"
        return Program(
            name=name,
            help=read.help,
            path=read.path,
            argv=template.parse(read.argv),
            arguments=arguments,
            timeout=read.timeout,
            progress=read.progress,
        )
    except ValueError as error:  # msgspec.ValidationError is one.
        raise _wrong(path, where, error) from None


def _argument(name: str, fields: dict[str, Any]) -> Argument:
    if not name.isidentifier() or name == template.PROGRESS_FD:
        raise ValueError("the name must be an identifier, and not `progress_fd`")
    argument: Argument = msgspec.convert(fields, Argument)
    return argument


def _wrong(path: str, where: str, error: Exception) -> ConfigError:
    place = f"the catalogue {path}" + (f", {where}" if where else "")
    # msgspec writes the field as `$.field`; the place is already named.
    text = str(error).replace("`$.", "`")
    return ConfigError(
        f"{place}: {text}", hint="docs/executor.md describes the format", reason="CATALOGUE"
    )
