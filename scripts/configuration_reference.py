"""Writes what docs/configuration.md says of each option, from the sections of the configuration.

    python scripts/configuration_reference.py            write it
    python scripts/configuration_reference.py --check    fail if it is not what would be written

What it writes stands between the lines `<!-- reference: NAME -->` and `<!-- /reference -->`.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tercet.cli.config.fields import Field, dotted, fields
from tercet.cli.config.sections import Config, ServiceSection
from tercet.cli.config.variables import OTHERS, variables

MANUAL = Path(__file__).parents[1] / "docs" / "configuration.md"
COMMENT = 32
WIDTH = 120
# The service that the reference shows.
EXAMPLE = "greeter"


def reference() -> str:
    """A tercet.toml with every option."""
    return "\n".join(["```toml", *table(Config), "```"])


def table(section: type[msgspec.Struct], header: str = "", note: str = "") -> Iterator[str]:
    """The lines of a section: its options, then the sections in it."""
    inner = []
    if header:
        yield from ("", commented(header, note))
    # Whether there is a section at all comes first.
    for field in sorted(fields(section).values(), key=lambda each: each.name != "enabled"):
        if field.section or (field.example and not field.simple):
            inner.append(field)
        else:
            yield commented(f"{field.name} = {toml(shown(field))}", field.description)
    path = header.strip("[]")
    for field in inner:
        name = f"{path}.{field.name}" if path else field.name
        if field.section is None:
            yield from ("", commented(f"[{name}]", field.description))
            for key, value in field.example.items():
                key = key if re.fullmatch(r"[\w-]+", key) else json.dumps(key)
                yield f"{key} = {toml(value)}"
        elif isinstance(field.default, list):
            yield from table(field.section, f"[[{name}]]", field.description)
        elif isinstance(field.default, dict):
            yield from table(field.section, f"[{name}.{EXAMPLE}]", field.description)
        else:
            yield from table(field.section, f"[{name}]", field.description)


def shown(field: Field) -> Any:
    return field.example if field.required else field.default


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ }"
    # What else there is looks the same in JSON.
    return json.dumps(value, ensure_ascii=False)


def commented(line: str, note: str) -> str:
    """A line with its comment, which goes on below it where it is long."""
    if not note:
        return line
    indent = " " * COMMENT + "# "
    pieces = textwrap.wrap(note, WIDTH - len(indent), break_on_hyphens=False)
    first = f"{line:{COMMENT - 1}} # {pieces[0]}"
    return "\n".join([first, *(indent + piece for piece in pieces[1:])])


def all_variables() -> str:
    """The table of the variables that are options."""
    found = {name: dotted(path) for name, path in variables().items()}
    own = variables(ServiceSection, within=("services", "NAME"))
    found |= {name: f"services.NAME.{path[-1]}" for name, path in own.items()}
    return "\n".join(
        ["| variable | option |", "|---|---|", *(f"| `{n}` | `{p}` |" for n, p in found.items())]
    )


def other_variables() -> str:
    rows = (f"| `{name}` | {meaning} |" for name, meaning in OTHERS.items())
    return "\n".join(["| variable | meaning |", "|---|---|", *rows])


PARTS = {
    "options": reference,
    "variables": all_variables,
    "other variables": other_variables,
}


def written(manual: str) -> str:
    """The manual with its parts written anew.

    Raises:
        ValueError: A part has no place in it.
    """
    for name, part in PARTS.items():
        opening, closing = f"<!-- reference: {name} -->\n", "\n<!-- /reference -->"
        before, found, rest = manual.partition(opening)
        _, ended, after = rest.partition(closing)
        if not (found and ended):
            raise ValueError(f"there is no place for {name!r}: {opening.strip()}")
        manual = f"{before}{opening}{part()}{closing}{after}"
    return manual


def main(arguments: list[str]) -> int:
    manual = MANUAL.read_text()
    right = written(manual)
    if arguments == ["--check"]:
        if manual != right:
            print(f"{MANUAL.name} is not what the code says: run `make reference`", file=sys.stderr)
            return 1
        return 0
    MANUAL.write_text(right)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
