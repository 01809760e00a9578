"""Listening sockets that this process has been given by whoever started it, by address.

By systemd (activation.py) or by the supervisor that this one follows (takeover.py). Each is taken
once, by the service whose address it has; what nobody takes is closed.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable

import msgspec

from tercet.cluster.address import Bind

log = logging.getLogger("tercet")


class Handed(msgspec.Struct, frozen=True):
    """One of them.

    Attributes:
        name: What the giver calls it: a predecessor by the service's name.
        slot: Whose it was, so that they keep their order.
    """

    name: str
    slot: int
    socket: socket.socket

    @property
    def bind(self) -> Bind:
        host, port = self.socket.getsockname()[:2]
        return Bind(host=host, port=port)


class HandedSockets:
    """Owns them until they are taken."""

    def __init__(self, given: Iterable[Handed] = ()) -> None:
        self._given = sorted(given, key=lambda each: each.slot)

    def __len__(self) -> int:
        return len(self._given)

    def take(self, name: str, bind: Bind) -> list[socket.socket]:
        """Those of that address, by their slots; they are the caller's from now on.

        Args:
            name: Of the service, for port 0: then it is any port that this service had.
        """
        taken = [each for each in self._given if _fits(each, name, bind)]
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
