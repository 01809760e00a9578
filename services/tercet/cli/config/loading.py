"""Reads a configuration: from a file, the environment and flags."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any

import msgspec

from tercet.cli.config.checking import OptionError, check
from tercet.cli.config.examining import Examined, examine
from tercet.cli.config.sections import Config
from tercet.cli.config.sources import Setting, Settings, Sources
from tercet.cli.mesh import mesh
from tercet.cluster.spec import FILE_VARIABLE, MeshSpec
from tercet.errors import ConfigError

FILE = "tercet.toml"


class Loaded:
    """A configuration as it was said, right or wrong.

    Args:
        file: None means TERCET_CONFIG, else ./tercet.toml if there is one.
        environ: Where TERCET_* variables are looked up.
        settings: What flags say; the last word.

    Raises:
        ConfigError: The file cannot be read, is not TOML, or is not that which the mesh was
            started from.
    """

    def __init__(
        self,
        file: File | None,
        *,
        environ: Mapping[str, str],
        settings: Settings,
    ) -> None:
        if file is None and (named := environ.get("TERCET_CONFIG")):
            file = File(named)
        if file is None and File(FILE).is_file():
            file = File(FILE)
        refuse_another(file, environ.get(FILE_VARIABLE))
        self.file = file
        self.sources = Sources()
        if file:
            self.sources.read(file)
        self._wrong = self.sources.take(environ)
        for path, setting in settings.items():
            try:
                self.sources.set(path, setting.value, place=setting.flag)
            except OptionError as error:
                self._wrong.append(error)

    @classmethod
    def alone(cls, settings: Settings) -> Loaded:
        """What flags say, and nothing else: no file, no variables."""
        return cls(None, environ={"TERCET_CONFIG": os.devnull}, settings=settings)

    def examined(self) -> Examined:
        """All that is wrong, of the parts and of what they make together."""
        found = examine(self.sources.values)
        return found._replace(errors=[*self._wrong, *found.errors])

    def config(self) -> Config:
        """
        Raises:
            ConfigError: A value is refused; says where it comes from.
        """
        self._refuse([*self._wrong, *check(self.sources.values, Config)])
        return self._convert()

    def mesh(self) -> MeshSpec:
        """
        Raises:
            ConfigError: As for `config`, or the parts do not fit together.
        """
        config = self.config()
        wrong: list[OptionError] = []
        made = mesh(config, refuse=wrong.append)
        self._refuse(wrong)
        return made

    def _convert(self) -> Config:
        return msgspec.convert(self.sources.values, Config, strict=False)

    def _refuse(self, wrong: Iterable[OptionError]) -> None:
        located = [self.sources.located(error) for error in wrong]
        if not located:
            return
        first, *others = located
        if others and self.file:
            more = f"{len(others)} more: `tercet check {self.file}` shows all"
            hint = f"{first.hint}; {more}" if first.hint else more
            raise ConfigError(first.message, hint=hint, reason=first.reason)
        raise first


def refuse_another(file: File | None, started: str | None) -> None:
    """Keeps a running mesh from becoming the one of another file, or of none.

    Without its file it would become the default mesh, and without a word.

    Args:
        started: Absolute path of the file that the mesh was started from, "" for none; None where
            no mesh asks.

    Raises:
        ConfigError: It is another.
    """
    found = os.path.abspath(file) if file else ""
    if started is None or found == started:
        return
    if not started:
        raise ConfigError(
            f"this mesh was started without a configuration file, and now there is {found}",
            hint="stop it and start it again to take that, or move the file away",
        )
    raise ConfigError(
        f"this mesh was started from {started}, which is not there",
        hint="put it back; to take another configuration, stop the mesh and start it again",
    )


def load(
    file: File | None,
    *,
    environ: Mapping[str, str],
    settings: Mapping[str, Any],
) -> Config:
    """Reads a configuration.

    Args:
        settings: By dotted path such as "gateway.bind".

    Raises:
        ConfigError: The file cannot be read, or a value is refused.
    """
    given: Settings = {
        tuple(dotted.split(".")): Setting(value) for dotted, value in settings.items()
    }
    return Loaded(file, environ=environ, settings=given).config()
