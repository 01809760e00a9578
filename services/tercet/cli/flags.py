"""Flags that say an option of tercet.toml: its meaning and default are told there, once.

A verb has a table of them: its parameter, and the option that this says. The sections are read only
when somebody asks for help, or the verb runs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from tercet.cli.config.sources import Settings

# By parameter, the dotted path of the option; "*" is the service that the verb is about.
Flags = dict[str, str]

# Those that several verbs have.
CLUSTER: Flags = {
    "health": "cluster.health",
    "metrics": "cluster.metrics",
    "grace": "cluster.grace",
    "hang_timeout": "cluster.hang_timeout",
    "log": "cluster.log",
    "log_format": "cluster.log_format",
    "pid_file": "cluster.pid_file",
}
_EMPTY = '; "" for '

Address = Annotated[str | None, typer.Option(metavar="HOST:PORT")]
Seconds = Annotated[float | None, typer.Option(metavar="SECONDS")]
Count = Annotated[int | None, typer.Option(min=0, metavar="N")]
Bytes = Annotated[int | None, typer.Option(min=0, metavar="BYTES")]
File = Annotated[str | None, typer.Option(metavar="FILE")]
Word = Annotated[str | None, typer.Option(metavar="NAME")]
Reload = Annotated[
    bool,
    typer.Option(
        "--reload",
        help="For development: reload when a Python file below this directory changes"
        " (cluster.watch).",
    ),
]


def explained(flags: Flags) -> type[TyperCommand]:
    """The class of a command whose help takes the meaning of these flags from their options."""

    class Explained(TyperCommand):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            for parameter in self.params:
                if parameter.name in flags:
                    # One with a default of its own shows that itself.
                    bare = parameter.required or parameter.default is not None
                    told = sentence(flags[parameter.name], default=not bare)
                    parameter.help = told  # type: ignore[attr-defined]
            super().format_help(ctx, formatter)

    return Explained


def sentence(path: str, *, default: bool = True) -> str:
    """What an option means, as help shows it.

    Args:
        default: Whether its default is shown.
    """
    from tercet.cli.config.fields import field

    found = field(tuple(path.split(".")))
    # HOST:PORT is shown as what follows the flag.
    text = found.description.removeprefix('"host:port" of ')
    # What "" means is what leaving the flag out means.
    text, _, empty = text.partition(_EMPTY)
    text = text[:1].upper() + text[1:]
    if not default or found.kind is bool:
        return f"{text}."
    shown = f"{found.default:g}" if isinstance(found.default, float) else str(found.default)
    return f"{text} [default: {shown or empty or 'none'}]."


def given(context: typer.Context, flags: Flags, *, service: str = "") -> Settings:
    """What was said by flags, by the path of the option.

    Args:
        service: The name of the service that the verb is about.
    """
    from tercet.cli.config.fields import ANY
    from tercet.cli.config.sources import Setting

    found: Settings = {}
    for parameter in context.command.params:
        name = parameter.name or ""
        value = context.params.get(name)
        if name not in flags or value is None:
            continue
        # An argument is known by its place.
        shown = getattr(parameter, "metavar", None) or name
        is_flag = parameter.param_type_name == "option"
        said = max(parameter.opts, key=len) if is_flag else shown
        source = context.get_parameter_source(name)
        if source and source.name == "ENVIRONMENT":
            said = str(parameter.envvar)
        path = (service if part == ANY else part for part in flags[name].split("."))
        found[tuple(path)] = Setting(value, said)
    return found


def watching() -> Settings:
    """What --reload says."""
    from tercet.cli.config.sources import Setting

    return {("cluster", "watch"): Setting([os.getcwd()], "--reload")}
