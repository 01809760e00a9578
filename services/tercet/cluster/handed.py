"""Sockets on TCP addresses that this process has been given by whoever started it.

By systemd (activation.py) or by the supervisor that this one is to follow (takeover.py). Each is
taken once, by the service whose address it has; what nobody takes is closed.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable

import msgspec

from tercet.cluster import adopted
from tercet.cluster.address import Bind

log = logging.getLogger("tercet")


class Handed(msgspec.Struct, frozen=True):
    """One of them.

    Attributes:
        name: What the giver calls it: a supervisor by the service that it is of.
    """

    name: str
    socket: socket.socket

    @property
    def bind(self) -> Bind:
        return adopted.address(self.socket)


class HandedSockets:
    """Owns them until they are taken.

    Args:
        given: Those of one address in the order of their group (`Listeners.sockets`).
    """

    def __init__(self, given: Iterable[Handed] = ()) -> None:
        self._given = list(given)

    def __len__(self) -> int:
        return len(self._given)

    def take(self, name: str, bind: Bind, *, listening: bool = True) -> list[socket.socket]:
        """Those of that address, in their order; they are the caller's from now on.

        Args:
            name: Of the service, for port 0: then it is any port that this service had.
            listening: Whether they must listen, or must not.
        """
        taken = [
            each
            for each in self._given
            if _fits(each, name, bind) and adopted.listens(each.socket) is listening
        ]
        self._given = [each for each in self._given if each not in taken]
        return [each.socket for each in taken]

    def close(self) -> None:
        """Closes what nobody has taken: connections to it would wait for ever."""
        for each in self._given:
            called = f" ({each.name})" if each.name else ""
            log.warning("no service wants the socket on %s%s: it is closed", each.bind, called)
            each.socket.close()
        self._given = []


def _fits(each: Handed, name: str, bind: Bind) -> bool:
    its = each.bind
    # Where there was no IPv6, "[::]" has become "0.0.0.0". Not the other way round: that would
    # serve more than was asked for.
    hosts = {bind.host, {"::": "0.0.0.0", "::1": "127.0.0.1"}.get(bind.host, bind.host)}
    same_port = its.port == bind.port if bind.port else each.name == name
    return same_port and its.host in hosts
