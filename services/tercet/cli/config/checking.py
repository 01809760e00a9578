"""What is wrong with values: everything, where msgspec would stop at the first.

Each part is converted by msgspec on its own, and a struct as a whole once its parts are right.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tercet.cli.config.fields import Field, Path, dotted, fields
from tercet.errors import ConfigError

# msgspec's own, at the end of a message; we have a better one.
_PLACE = re.compile(r" - at `[^`]*`$")


class OptionError(ConfigError):
    """The value of an option is refused.

    Args:
        path: The option, or the section if it is about several.
    """

    def __init__(self, message: str, *, path: Path, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint=hint, reason=reason)
        self.path = path

    @property
    def option(self) -> str:
        """Its dotted path."""
        return dotted(self.path)


def check(
    values: Any, section: type[msgspec.Struct], *, within: Path = ()
) -> Iterator[OptionError]:
    """All that is wrong with the values of a section.

    Args:
        within: The section's own path.
    """
    if not isinstance(values, dict):
        yield OptionError(f"{dotted(within)} is a section, not an option", path=within)
        return
    there = fields(section)
    right = True
    for key, value in values.items():
        path = (*within, key)
        errors = _check(value, there[key], path) if key in there else [_unknown(path, there)]
        for error in errors:
            right = False
            yield error
    for name, field in there.items():
        if field.required and name not in values:
            right = False
            yield OptionError(f"{name} of {dotted(within)} is missing", path=within)
    if right:
        yield from _convert(values, section, within)


def blamed(message: str, values: Mapping[str, Any]) -> str | None:
    """Which of the values a message is about: that which it begins with, or quotes."""
    if (named := re.match(r"\w+", message)) and named[0] in values:
        return named[0]
    quoted = [key for key, value in values.items() if _quotes(message, value)]
    return quoted[0] if len(quoted) == 1 else None


def refusal(error: Exception, values: Mapping[str, Any], *, within: Path) -> OptionError:
    """A refusal of a whole section, about the option that is at fault if that can be told."""
    hint = error.hint if isinstance(error, ConfigError) else ""
    reason = error.reason if isinstance(error, ConfigError) else ""
    message = error.message if isinstance(error, ConfigError) else _PLACE.sub("", str(error))
    key = blamed(message, values)
    path = (*within, key) if key else within
    return OptionError(message, path=path, hint=hint, reason=reason)


def _quotes(message: str, value: Any) -> bool:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return any(_quotes(message, each) for each in inside)
    # A number may be there by chance.
    return isinstance(value, str) and value != "" and repr(value) in message


def _check(value: Any, field: Field, path: Path) -> Iterator[OptionError]:
    section = field.section
    if section is None:
        yield from _convert(value, field.annotation, path)
    elif field.kind is section:
        yield from check(value, section, within=path)
    elif isinstance(value, dict) and isinstance(field.default, dict):
        for name, each in value.items():
            yield from check(each, section, within=(*path, name))
    elif isinstance(value, list) and isinstance(field.default, list):
        for index, each in enumerate(value):
            yield from check(each, section, within=(*path, index))
    else:
        yield from _convert(value, field.annotation, path)


def _convert(value: Any, kind: Any, path: Path) -> Iterator[OptionError]:
    try:
        # Not strict: a variable or a flag is text, whatever the type of the option.
        msgspec.convert(value, kind, strict=False)
    except (msgspec.ValidationError, ConfigError) as error:
        inside = value if isinstance(value, dict) else {}
        yield _typed(error, path) or refusal(error, inside, within=path)


def _typed(error: Exception, path: Path) -> OptionError | None:
    # "Expected `int`, got `str`": of the field alone.
    message = _PLACE.sub("", str(error))
    if not message.startswith(("Expected ", "Invalid ")):
        return None
    return OptionError(f"{path[-1]} is wrong: {message[:1].lower()}{message[1:]}", path=path)


def _unknown(path: Path, there: Mapping[str, Field]) -> OptionError:
    *within, key = path
    kind = f"[{dotted(tuple(within))}]" if within else "the configuration"
    near = difflib.get_close_matches(str(key), there, n=1)
    return OptionError(
        f"{kind} has no {str(key)!r}",
        path=path,
        hint=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(there)}",
    )
