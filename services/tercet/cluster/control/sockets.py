"""Sockets of this process that the supervisor owns, as its options name them: "fd:number".

They listen already, and go on listening when this process is gone: what is connected meanwhile
waits for its successor.
"""

from __future__ import annotations

import os
import socket

from tercet.cluster.address import Bind
from tercet.errors import ConfigError

SCHEME = "fd:"


def keep(where: str) -> None:
    """Sees to it that programs which this process starts do not get the socket, if it is one.

    Raises:
        ConfigError: It is not open.
    """
    number = _number(where)
    if number is not None:
        try:
            os.set_inheritable(number, False)
        except OSError as error:
            raise ConfigError(f"{where} was not inherited: {error.strerror}") from error


def address_or_socket(where: str) -> Bind | socket.socket:
    """An address to bind, or another descriptor for the socket."""
    number = _number(where)
    return Bind.parse(where) if number is None else socket.socket(fileno=os.dup(number))


def _number(where: str) -> int | None:
    return int(where.removeprefix(SCHEME)) if where.startswith(SCHEME) else None
