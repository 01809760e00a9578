"""Reads where an upstream is: a target, spelt as gRPC clients spell it.

    static:///ADDRESS[@WEIGHT],...    any of the following, mixed
    ipv4:HOST:PORT[@WEIGHT],...       as gRPC's
    ipv6:[HOST]:PORT[@WEIGHT],...     as gRPC's
    unix:/PATH[@WEIGHT],...           as gRPC's, but absolute
    dns:///NAME:PORT, NAME:PORT       all addresses of a name, resolved again and again

An ADDRESS is HOST:PORT, [HOST]:PORT or unix:/PATH; a HOST is an IP address, or localhost for
127.0.0.1. (https://github.com/grpc/grpc/blob/master/doc/naming.md; weights are ours.)
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from tercet.errors import ConfigError
from tercet.gateway.sources.source import Address

HINT = (
    "write static:///127.0.0.1:50051,[::1]:50052@3 (@3: three times the calls),"
    " ipv4:HOST:PORT,..., ipv6:[HOST]:PORT,..., unix:/PATH,... or dns:///NAME:PORT"
)
# Labels of letters, digits, - and _ (the latter is in names of Services that Docker makes).
NAME = re.compile(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)
# Of struct sockaddr_un, less its final zero.
LONGEST_PATH = 107
LARGEST_WEIGHT = 1000.0


@dataclass(frozen=True)
class Addresses:
    """Addresses that are known."""

    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Name:
    """A name whose addresses are to be found."""

    host: str
    port: int


Target = Addresses | Name


def parse(text: str) -> Target:
    """Reads a target.

    Raises:
        ConfigError: It is none, or of a kind that is not known here.
    """
    try:
        scheme, colon, rest = text.partition(":")
        if colon and scheme in KINDS and not rest.isdigit():
            return KINDS[scheme](rest)
        if "://" in text:
            raise ValueError(f"{scheme!r} is no kind of target")
        # As gRPC clients take it.
        return _dns(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no target: {error}", hint=HINT) from None


def _static(rest: str) -> Target:
    return _listed(_without_authority(rest), _any)


def _ipv4(rest: str) -> Target:
    return _listed(rest, lambda part: _ip(part, 4))


def _ipv6(rest: str) -> Target:
    return _listed(rest, lambda part: _ip(part, 6))


def _unix(rest: str) -> Target:
    return _listed(rest, lambda part: _path(part.removeprefix("unix:")))


def _dns(rest: str) -> Target:
    host, port = _split(_without_authority(rest))
    try:
        # An address is its own only address: there is nothing to look up.
        return Addresses((Address(_ip_target(host, port)),))
    except ValueError:
        pass
    if not NAME.fullmatch(host):
        raise ValueError(f"{host!r} is no name of a host")
    return Name(host, port)


# How what follows the first ":" is read.
KINDS: dict[str, Callable[[str], Target]] = {
    "static": _static,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "unix": _unix,
    "dns": _dns,
}


def _without_authority(rest: str) -> str:
    if rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        if authority or not slash:
            raise ValueError("there must be three slashes; whom to ask for names cannot be chosen")
    return rest


def _listed(text: str, read: Callable[[str], str]) -> Addresses:
    found: dict[str, Address] = {}
    for part in text.split(","):
        where, weight = _weighed(part)
        target = read(where)
        if target in found:
            raise ValueError(f"{where!r} is in it twice: give it a weight instead")
        found[target] = Address(target, weight)
    return Addresses(tuple(found.values()))


def _weighed(part: str) -> tuple[str, float]:
    where, at, weight = part.rpartition("@")
    if not at:
        return part, 1.0
    try:
        number = float(weight)
    except ValueError:
        raise ValueError(f"the weight {weight!r} is no number") from None
    if not (math.isfinite(number) and 0 < number <= LARGEST_WEIGHT):
        raise ValueError(f"a weight must be above 0 and at most {LARGEST_WEIGHT:g}, not {weight}")
    return where, number


def _any(part: str) -> str:
    if part.startswith("unix:"):
        return _path(part.removeprefix("unix:"))
    return _ip(part, None)


def _ip(part: str, version: int | None) -> str:
    host, port = _split(part)
    try:
        target = _ip_target("127.0.0.1" if host == "localhost" else host, port)
    except ValueError:
        raise ValueError(f"{host!r} is no IP address; for a name, write dns:///NAME:PORT") from None
    if version and not target.startswith(f"ipv{version}:"):
        raise ValueError(f"{host!r} is no IPv{version} address")
    return target


def _ip_target(host: str, port: int) -> str:
    address = ipaddress.ip_address(host)
    return f"ipv6:[{address}]:{port}" if address.version == 6 else f"ipv4:{address}:{port}"


def _split(part: str) -> tuple[str, int]:
    host, colon, port = part.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not host:
        raise ValueError(f"{part!r} is not HOST:PORT")
    if (":" in bare) != (host != bare):
        raise ValueError(f"{part!r} is neither HOST:PORT nor, for IPv6, [HOST]:PORT")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"{port!r} is no port: it must be 1 to 65535")
    return bare, int(port)


def _path(part: str) -> str:
    path = f"/{part.lstrip('/')}" if part.startswith("//") else part
    if not path.startswith("/"):
        raise ValueError(f"the path {part!r} is not absolute")
    if len(path.encode()) > LONGEST_PATH:
        raise ValueError(f"a socket's path has at most {LONGEST_PATH} bytes: {path!r} is longer")
    return f"unix:{path}"
