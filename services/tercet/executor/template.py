"""Templates of argv: what a catalogue writes, and how values fill it.

A template is a list. A string in it becomes exactly one element of argv, whatever the values hold:
nothing is split, expanded or quoted. `{name}` stands for the value of an argument, `{{` and `}}`
for braces. A list of strings in it is a group, left out as a whole unless every argument that it
names has a value.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Not an argument: the descriptor to which a program tells its progress, where somebody listens.
PROGRESS_FD = "progress_fd"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of argv.

    Attributes:
        parts: Alternately literal text and an argument's name, or None after the last text.
    """

    parts: tuple[tuple[str, str | None], ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for _, name in self.parts if name is not None)

    @property
    def leading(self) -> str | None:
        """The argument whose value is the beginning of the element, if one is."""
        text, name = self.parts[0]
        return None if text else name

    def render(self, values: Mapping[str, str]) -> str:
        return "".join(text + (values[name] if name else "") for text, name in self.parts)


@dataclass(frozen=True, slots=True)
class Group:
    """Elements that stand or fall together.

    Attributes:
        optional: Whether the group is left out when a value is missing.
    """

    elements: tuple[Element, ...]
    optional: bool

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(element.names for element in self.elements))


@dataclass(frozen=True, slots=True)
class Template:
    """The argv of a program after its own name."""

    groups: tuple[Group, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(group.names for group in self.groups))

    @property
    def required(self) -> frozenset[str]:
        """The names that must have a value."""
        return frozenset().union(*(group.names for group in self.groups if not group.optional))

    @property
    def exposed(self) -> frozenset[str]:
        """The names whose value a program could take for an option.

        They begin an element, and no `--` comes before (POSIX.1-2017, 12.2, guideline 10).
        """
        found: set[str] = set()
        for group in self.groups:
            for element in group.elements:
                if not group.optional and element.parts == (("--", None),):
                    return frozenset(found)
                if element.leading is not None:
                    found.add(element.leading)
        return frozenset(found)

    def render(self, values: Mapping[str, str]) -> list[str]:
        """The argv for these values, which hold every required name."""
        return [
            element.render(values)
            for group in self.groups
            if not group.optional or group.names <= values.keys()
            for element in group.elements
        ]


def parse(template: Sequence[str | Sequence[str]]) -> Template:
    """Reads a template.

    Raises:
        ValueError: Unbalanced braces, or something other than a name between them.
    """
    return Template(
        tuple(
            Group((_element(item),), optional=False)
            if isinstance(item, str)
            else Group(tuple(map(_element, item)), optional=True)
            for item in template
        )
    )


def _element(text: str) -> Element:
    parts: list[tuple[str, str | None]] = []
    try:
        for literal, name, spec, conversion in string.Formatter().parse(text):
            if name is not None and (not name.isidentifier() or spec or conversion):
                raise ValueError("only a name may stand between braces")
            parts.append((literal, name))
    except ValueError as error:
        raise ValueError(f"the element {text!r} is malformed: {error}") from None
    return Element(tuple(parts) or (("", None),))
