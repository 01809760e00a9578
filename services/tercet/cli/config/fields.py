"""What each option of tercet.toml is: its meaning, its default, its kind, read off the sections."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import msgspec

from tercet.cli.config.sections import Config

# Stands for the name of a service in a path such as ("services", "*", "target").
ANY = "*"

Path = tuple[str | int, ...]


class Field(NamedTuple):
    """An option, or a section."""

    name: str
    # As it is written, with the bounds of its values.
    annotation: Any
    # Without `Annotated` and without "or None".
    kind: Any
    # A clause; "" for a section whose options say it.
    description: str
    # None if it must be given.
    default: Any
    # How it may look, where its default does not show that.
    example: Any
    required: bool

    @property
    def section(self) -> type[msgspec.Struct] | None:
        """What it consists of, if it is a struct, or a list or dict of them."""
        for each in (self.kind, *get_args(self.kind)):
            if isinstance(each, type) and issubclass(each, msgspec.Struct):
                return each
        return None

    @property
    def simple(self) -> bool:
        """Whether text can say it."""
        return self.kind in (str, int, float, bool)


def fields(section: type[msgspec.Struct]) -> Mapping[str, Field]:
    """The options of a section, by name."""
    return {each.name: _field(each) for each in msgspec.structs.fields(section)}


def field(path: Path, section: type[msgspec.Struct] = Config) -> Field:
    """The option at a path such as ("services", "*", "workers").

    Raises:
        KeyError: There is none.
    """
    name, *rest = path
    found = fields(section)[str(name)]
    if not rest:
        return found
    if found.section is None:
        raise KeyError(path)
    # Of a list or a dict of sections, the next part is a number or a name.
    inside = rest if found.kind is found.section else rest[1:]
    return field(tuple(inside), found.section)


def dotted(path: Path) -> str:
    """As in `--set`."""
    return ".".join(str(part) for part in path)


def _field(found: msgspec.structs.FieldInfo) -> Field:
    kind, description, example = found.type, "", None
    if get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        for note in notes:
            if isinstance(note, msgspec.Meta):
                description = note.description or ""
                example = note.examples[0] if note.examples else None
    if get_origin(kind) in (Union, types.UnionType):
        [kind] = [each for each in get_args(kind) if each is not type(None)]
    default = found.default
    if default is msgspec.NODEFAULT:
        default = None if found.required else found.default_factory()
    return Field(found.name, found.type, kind, description, default, example, found.required)
