"""All that is wrong with a configuration, in one go.

What the parts make together can be told only of parts that are sound. So whatever was found is put
out of the way, and the rest looked at once more, until nothing new turns up.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import msgspec

from tercet.cli.config.checking import OptionError, check
from tercet.cli.config.fields import Path
from tercet.cli.config.files import unwritable
from tercet.cli.config.sections import Config
from tercet.cli.mesh import mesh
from tercet.cluster.spec import MeshSpec

# In the place of what is wrong, where the default would be wrong in another way.
_STAND_INS = {("gateway", "bind"): "127.0.0.1:0"}
_TARGET = "no:target"


class Examined(NamedTuple):
    """What was found."""

    errors: list[OptionError]
    # Of what is sound; None if nothing can be made of that.
    mesh: MeshSpec | None
    # Where the errors are.
    wrong: frozenset[Path]

    def is_sound(self, path: Path) -> bool:
        """Whether nothing is wrong there, within it, or with all of what it is in."""
        return not any(
            each[: len(path)] == path or path[: len(each)] == each for each in self.wrong
        )


def examine(values: dict[str, Any]) -> Examined:
    """Looks at what was said, file and all.

    Args:
        values: By section; stay as they are.
    """
    values = copy.deepcopy(values)
    errors: list[OptionError] = []
    wrong: set[Path] = set()
    while True:
        found = list(check(values, Config))
        made = None
        if not found:
            config = msgspec.convert(values, Config, strict=False)
            made = mesh(config, refuse=found.append)
            found += unwritable(config)
        told = {(error.path, error.message) for error in errors}
        errors += [
            error
            for error in found
            # What is missing now because we have taken it away is no error of its own.
            if not any(each[: len(error.path)] == error.path for each in wrong)
            and (error.path, error.message) not in told
        ]
        wrong.update(error.path for error in found)
        # All of them: `any` would stop at the first.
        if not sum([_put_away(values, path) for path in {error.path for error in found}]):
            return Examined(errors, made if not found else None, frozenset(wrong))


def _put_away(values: dict[str, Any], path: Path) -> bool:
    """Takes what is wrong out of the values; whether there was anything to take."""
    while path:
        *within, key = path
        inner = _inside(values, within)
        if isinstance(key, str) and isinstance(inner, dict):
            if isinstance(section := inner.get(key), dict) and path[:-1] == ("services",):
                # One without a target is as good as one with a wrong one: others speak of it.
                return _replaced(section, "target", _TARGET) or _dropped(values, inner, key)
            if key == "target" and path[0] == "services":
                return _replaced(inner, key, _TARGET)
            if path in _STAND_INS:
                return _replaced(inner, key, _STAND_INS[path])
            if key in inner:
                return _dropped(values, inner, key)
        # An item of a list would leave a gap in the numbers of the others; and what was not said
        # is wrong beside something else in its section.
        path = path[:-1]
    return False


def _replaced(section: dict[str, Any], key: str, value: str) -> bool:
    was, section[key] = section.get(key), value
    return was != value


def _dropped(values: dict[str, Any], section: dict[str, Any], key: str) -> bool:
    is_upstream = section is values.get("services") or key == "upstreams"
    del section[key]
    gateway = values.get("gateway")
    if is_upstream and isinstance(gateway, dict):
        # They may lead there.
        gateway.pop("routes", None)
    return True


def _inside(values: Any, path: list[str | int]) -> Any:
    for part in path:
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            return None
    return values
