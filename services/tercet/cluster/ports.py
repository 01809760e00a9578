"""Holds a public port for workers that bind it themselves.

grpcio cannot adopt a file descriptor (grpc/grpc#19133), so each worker binds the port with
SO_REUSEPORT. The supervisor keeps a socket that is bound but never listens: the port stays ours
between workers, and port 0 is resolved once. It must not listen: a listener without an acceptor
would be given its share of the connections and swallow them.
"""

from __future__ import annotations

import errno
import os
import socket

from tercet.cluster.address import Bind
from tercet.errors import ConfigError


class Reservation:
    """A bound, not listening socket on a port. Owned by the supervisor."""

    def __init__(self, bind: Bind) -> None:
        """
        Raises:
            ConfigError: The address is in use or cannot be bound here.
        """
        if bind.is_ipv6 and not _ipv6_available():
            # A container without IPv6: "[::]" still means "all interfaces".
            bind = Bind(host="127.0.0.1" if bind.is_loopback else "0.0.0.0", port=bind.port)
        try:
            _refuse_foreign_listener(bind)
            self._socket = _bound(bind, socket.SO_REUSEPORT)
        except OSError as error:
            raise _explained(bind, error) from error
        self.bind = Bind(host=bind.host, port=self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()


def _refuse_foreign_listener(bind: Bind) -> None:
    # With SO_REUSEPORT on both sides two unrelated servers silently split the traffic. Without
    # it, and with SO_REUSEADDR to pass over connections in TIME_WAIT, Linux refuses to bind
    # beside any listener, and beside the reservation of another mesh.
    if bind.port:
        _bound(bind, socket.SO_REUSEADDR).close()


def _bound(bind: Bind, option: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if bind.is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        if bind.is_ipv6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((bind.host, bind.port))
    except OSError:
        made.close()
        raise
    return made


def _ipv6_available() -> bool:
    try:
        _bound(Bind(host="::1", port=0), socket.SO_REUSEADDR).close()
    except OSError:
        return False
    return True


def _explained(bind: Bind, error: OSError) -> ConfigError:
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
