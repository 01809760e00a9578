"""Whether each address of a mesh is listened on once."""

from __future__ import annotations

from collections.abc import Iterator

from tercet.cli.config.checking import OptionError
from tercet.cli.config.fields import Path, dotted
from tercet.cli.config.sections import Config
from tercet.cluster.address import Bind

EVERYWHERE = ("0.0.0.0", "::")


def shared(config: Config) -> Iterator[OptionError]:
    """What is wrong with the addresses, each of which is one by itself or is passed over."""
    taken: list[tuple[Path, Bind]] = []
    for path, text in _addresses(config):
        try:
            bind = Bind.parse(text)
        except ValueError:
            continue
        other = next((each for each in taken if _overlap(each[1], bind)), None)
        if bind.port and other:
            *section, key = path
            there = f"{dotted(other[0])} is {other[1]}"
            yield OptionError(
                f"{key} of {dotted(tuple(section))} is {bind}, but {there}",
                path=path,
                hint="give each a port of its own",
                reason="PORT_IN_USE",
            )
        elif bind.port:
            taken.append((path, bind))


def _addresses(config: Config) -> Iterator[tuple[Path, str]]:
    if config.gateway.enabled:
        yield ("gateway", "bind"), config.gateway.bind
        yield ("gateway", "metrics"), config.gateway.metrics
    yield ("cluster", "health"), config.cluster.health
    yield ("cluster", "metrics"), config.cluster.metrics
    for name, section in (("compute", config.compute), ("executor", config.executor)):
        if section.enabled:
            yield (name, "bind"), section.bind
    for name, service in config.services.items():
        yield ("services", name, "bind"), service.bind


def _overlap(one: Bind, other: Bind) -> bool:
    """Whether the kernel would let only one of them listen."""
    if one.port != other.port:
        return False
    if one.host == other.host or "::" in (one.host, other.host):
        # On [::] is IPv4 too.
        return True
    return one.is_ipv6 == other.is_ipv6 and bool({one.host, other.host} & set(EVERYWHERE))
