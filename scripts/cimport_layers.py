"""Checks that cimports between our own modules follow the layers of pyproject.toml.

import-linter reads Python only; this reads native/**/*.pyx and *.pxd by the same contract. Prints
each offender and exits 1.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

# `from a.b cimport c, d`, `from a.b import c`, with any leading dots.
FROM = re.compile(r"^\s*from\s+(\.*[\w.]*)\s+c?import\s+(.*)$")
# `cimport a.b, c as d`, `import a.b`.
PLAIN = re.compile(r"^\s*c?import\s+(.*)$")
DOCSTRING = re.compile(r'""".*?"""|\'\'\'.*?\'\'\'', re.DOTALL)


def layers(pyproject: Path) -> list[set[str]]:
    """The layers of the first contract of that type, highest first; siblings share a set."""
    contracts = tomllib.loads(pyproject.read_text())["tool"]["importlinter"]["contracts"]
    rows = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [{name.strip() for name in re.split("[|:]", row)} for row in rows]


def imported(text: str, module: str) -> Iterator[tuple[int, str]]:
    """Line number and absolute name of each module that the source may import.

    `from a cimport b` yields both a.b and a: b may be a module.
    """
    # Statements alone: a docstring may hold an example. Newlines stay, for the line numbers.
    text = DOCSTRING.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0]
        if found := FROM.match(line):
            base = absolute(found[1], module)
            yield number, base
            for name in names(found[2]):
                yield number, f"{base}.{name}"
        elif found := PLAIN.match(line):
            for name in names(found[1]):
                yield number, name


def names(text: str) -> list[str]:
    return [part.split()[0] for part in text.strip("() ").split(",") if part.split()]


def absolute(name: str, module: str) -> str:
    bare = name.lstrip(".")
    dots = len(name) - len(bare)
    if not dots:
        return bare
    parents = module.split(".")[:-dots]
    return ".".join([*parents, bare] if bare else parents)


def rank(module: str, order: list[set[str]]) -> tuple[int, str] | None:
    """Index of the module's layer and the package that is listed there."""
    for index, packages in enumerate(order):
        for package in packages:
            if module == package or module.startswith(f"{package}."):
                return index, package
    return None


def offenders(root: Path) -> Iterator[str]:
    """One line for each import that goes upwards or to a sibling."""
    native = root / "native"
    order = layers(root / "pyproject.toml")
    for source in sorted([*native.rglob("*.pyx"), *native.rglob("*.pxd")]):
        module = ".".join(source.relative_to(native).with_suffix("").parts)
        own = rank(module, order)
        if own is None:
            continue
        seen = set()
        for number, name in imported(source.read_text(), module):
            other = rank(name, order)
            if other is None or other[1] == own[1] or (number, other[1]) in seen:
                continue
            seen.add((number, other[1]))
            if other[0] <= own[0]:
                where = source.relative_to(root)
                yield f"{where}:{number}: {own[1]} must not import {other[1]}"


def main(root: Path) -> int:
    found = list(offenders(root))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
