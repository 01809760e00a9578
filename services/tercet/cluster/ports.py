"""Holds a public port for workers that bind it themselves.

grpcio cannot adopt a file descriptor (grpc/grpc#19133), so each worker binds the port with
SO_REUSEPORT. The supervisor keeps a socket that is bound but never listens: the port stays ours
between workers, and port 0 is resolved once. It must not listen: a listener without an acceptor
would be given its share of the connections and swallow them.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from tercet.cluster.address import Bind
from tercet.cluster.adopted import address
from tercet.cluster.binding import bound, explained, reachable, refuse_foreign_listener


class Reservation:
    """A bound, not listening socket on a port. Owned by the supervisor."""

    def __init__(self, bind: Bind, *, inherited: Sequence[socket.socket] = ()) -> None:
        """
        Args:
            inherited: Sockets that hold it already, of a supervisor before this one: whose workers
                listen there.

        Raises:
            ConfigError: The address is in use or cannot be bound here.
        """
        if inherited:
            self._socket, *more = inherited
            for each in more:
                each.close()
            self.bind = address(self._socket)
            return
        bind = reachable(bind)
        try:
            refuse_foreign_listener(bind)
            self._socket = bound(bind)
        except OSError as error:
            raise explained(bind, error) from error
        self.bind = Bind(host=bind.host, port=self._socket.getsockname()[1])

    def sockets(self) -> list[socket.socket]:
        """To be handed over."""
        return [self._socket]

    def close(self) -> None:
        self._socket.close()
