"""Binds a TCP port the way a supervisor must: alone at the start, and with errors explained."""

from __future__ import annotations

import errno
import os
import socket

from tercet.cluster.address import Bind
from tercet.errors import ConfigError


def reachable(bind: Bind) -> Bind:
    """The same, or its IPv4 equivalent in a container without IPv6.

    There "[::]" still means "all interfaces".
    """
    if bind.is_ipv6 and not _ipv6_available():
        return Bind(host="127.0.0.1" if bind.is_loopback else "0.0.0.0", port=bind.port)
    return bind


def refuse_foreign_listener(bind: Bind) -> None:
    """
    Raises:
        OSError: Somebody listens on that port, or another mesh holds it.
    """
    # With SO_REUSEPORT on both sides two unrelated servers silently split the traffic. Without
    # it, and with SO_REUSEADDR to pass over connections in TIME_WAIT, Linux refuses to bind
    # beside any listener, and beside the reservation of another mesh.
    if bind.port:
        bound(bind, socket.SO_REUSEADDR).close()


def bound(bind: Bind, option: int = socket.SO_REUSEPORT, *, v6only: bool = False) -> socket.socket:
    """A TCP socket bound there, with that one option set; it does not listen.

    Raises:
        OSError: It cannot be bound.
    """
    made = socket.socket(socket.AF_INET6 if bind.is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        if bind.is_ipv6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        made.bind((bind.host, bind.port))
    except OSError:
        made.close()
        raise
    return made


def explained(bind: Bind, error: OSError) -> ConfigError:
    """What it means that `bind` could not be bound."""
    hints = {
        errno.EADDRINUSE: "stop the other server, or choose another port",
        errno.EACCES: "ports below 1024 need a privilege; choose a higher one",
        errno.EADDRNOTAVAIL: "the host must be an address of this machine",
    }
    said = os.strerror(error.errno) if error.errno else str(error)
    return ConfigError(
        f"cannot bind {bind}: {said}",
        hint=hints.get(error.errno or 0, "choose another address"),
        reason="PORT_IN_USE" if error.errno == errno.EADDRINUSE else "BIND_FAILED",
    )


def _ipv6_available() -> bool:
    try:
        bound(Bind(host="::1", port=0), socket.SO_REUSEADDR).close()
    except OSError:
        return False
    return True
