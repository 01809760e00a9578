"""The environment variables that say an option: TERCET_<SECTION>_<KEY>."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tercet.cli.config.fields import Path, fields
from tercet.cli.config.sections import Config, ServiceSection
from tercet.cluster.spec import FILE_VARIABLE

PREFIX = "TERCET_"
# Those with a meaning of their own, and what it is.
OTHERS = {
    "TERCET_CONFIG": "the configuration file of `tercet up` and `tercet check`",
    "TERCET_RUNTIME_DIR": "where meshes keep their sockets, mode 0700; else"
    " `$XDG_RUNTIME_DIR/tercet`, else `/tmp/tercet-<uid>`. Short: gRPC caps the path of a socket at"
    " 107 bytes",
    "TERCET_ADDRESS": "the gateway that `tercet compute` and `tercet exec` call",
    "TERCET_DEBUG": "`1`: a bug in the command shows its traceback",
}
# Those that our own processes tell each other by.
PRIVATE = frozenset({"TERCET_LINK_FD", "TERCET_SPEC_FD", FILE_VARIABLE, "TERCET_TAKEOVER"})


def variables(section: type[msgspec.Struct] = Config, *, within: Path = ()) -> dict[str, Path]:
    """Every variable of a section, with the path of its option; `services` excepted.

    Args:
        within: The section's own path.
    """
    found: dict[str, Path] = {}
    for name, field in fields(section).items():
        path = (*within, name)
        if field.simple:
            found[variable(path)] = path
        elif field.section and field.kind is field.section and field.default is not None:
            found |= variables(field.section, within=path)
    return found


def variable(path: Path) -> str:
    """The name of an option's variable."""
    return PREFIX + "_".join(str(part).upper().replace("-", "_") for part in path)


def known(services: Iterable[str]) -> Mapping[str, Path]:
    """Every variable there is, where services have these names."""
    found = variables()
    for name in services:
        found |= variables(ServiceSection, within=("services", name))
    return found


def ours(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that are meant to say an option."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) and name not in PRIVATE and name not in OTHERS
    }
