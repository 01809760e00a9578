"""What was said of the configuration, and by which line, variable or flag."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

from tercet.cli.config.checking import OptionError
from tercet.cli.config.fields import Path, dotted
from tercet.cli.config.lines import line
from tercet.cli.config.variables import known, ours
from tercet.errors import ConfigError


class Setting:
    """What a flag says.

    Args:
        flag: As it is typed, such as "--bind"; "" for what the verb itself wants.
    """

    __slots__ = ("flag", "value")

    def __init__(self, value: Any, flag: str = "") -> None:
        self.value = value
        self.flag = flag


Settings = dict[Path, Setting]


class Sources:
    """The values, the last word of each option, with where it was said."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._places: dict[Path, str] = {}
        self._file: File | None = None
        self._text = ""

    def read(self, file: File) -> None:
        """Takes what a file says: comes first.

        Raises:
            ConfigError: It cannot be read, or is not TOML.
        """
        try:
            self._text = file.read_text()
            self.values = tomllib.loads(self._text)
        except OSError as error:
            raise ConfigError(
                f"cannot read {file}: {error.strerror}", hint="name another file"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{file} is not TOML: {error}") from error
        except tomllib.TOMLDecodeError as error:
            told = re.search(r"at line (\d+)", str(error))
            at = int(told[1]) if told else self._text.rstrip("\n").count("\n") + 1
            raise ConfigError(f"{file}:{at}: this is not TOML: {error}") from error
        self._file = file

    def set(self, path: Path, value: Any, *, place: str) -> None:
        """Takes a value.

        Args:
            place: Who says so: a variable or a flag.

        Raises:
            OptionError: An option stands where a section should.
        """
        *sections, key = path
        inner = self.values
        for depth, section in enumerate(sections, 1):
            inner = inner.setdefault(str(section), {})
            if not isinstance(inner, dict):
                self._places[path] = place
                raise OptionError(f"{dotted(path[:depth])} is an option, not a section", path=path)
        inner[str(key)] = value
        self._places[path] = place

    def take(self, environ: Mapping[str, str]) -> list[OptionError]:
        """Takes what variables say: comes after the file. Returns what is wrong with that."""
        wrong = []
        services = self.values.get("services", {})
        there = known(services if isinstance(services, dict) else ())
        for name, value in ours(environ).items():
            if name not in there:
                path: Path = (name,)
                self._places[path] = name
                wrong.append(
                    OptionError(
                        "there is no option for this environment variable",
                        path=path,
                        hint="its name is TERCET_<SECTION>_<KEY>, such as TERCET_GATEWAY_BIND",
                    )
                )
                continue
            try:
                self.set(there[name], value, place=name)
            except OptionError as error:
                wrong.append(error)
        return wrong

    def place(self, path: Path) -> str:
        """Where an option was said: a flag, a variable, or FILE:LINE; "" if nowhere.

        That of the section if the option itself was not.
        """
        for length in range(len(path), 0, -1):
            part = path[:length]
            if part in self._places:
                return self._places[part]
            if self._file and (found := line(self._text, part)):
                return f"{self._file}:{found}"
        # A section that was said by nobody but its options.
        inside = {place for said, place in self._places.items() if said[: len(path)] == path}
        return ", ".join(sorted(inside - {""}))

    def located(self, error: OptionError) -> ConfigError:
        """The same error, its message beginning with the place."""
        place, message = self.place(error.path), self.told(error)
        message = f"{place}: {message}" if place else message
        return ConfigError(message, hint=error.hint, reason=error.reason)

    def told(self, error: OptionError) -> str:
        """The message of an error, with the section unless its place or the message names that."""
        place = self.place(error.path)
        if place and not place.startswith(f"{self._file}:"):
            return error.message
        return sectioned(error.message, error.path)


def sectioned(message: str, path: Path) -> str:
    """A message that names the section, as "queue of gateway is -1".

    Args:
        path: Of the option that it is about.
    """
    *within, key = path
    # An item of a list is known by the list's name.
    names = [part for part in within if isinstance(part, str)]
    if not names or names == ["services"]:
        # Of a service as a whole, whose name is told.
        return message
    # As "of shop", "of services.shop", "[services.shop]"; by itself the word may be another's.
    if re.search(rf"(?:\bof |\.|\[){re.escape(names[-1])}(?![\w-])", message):
        return message
    if message.startswith(f"{key} is "):
        return f"{key} of {dotted(tuple(within))}{message.removeprefix(str(key))}"
    return f"{message} ({dotted(path)})"
