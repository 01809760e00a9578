"""Holds a public port for workers that bind it themselves.

grpcio cannot adopt a file descriptor (grpc/grpc#19133), so each worker binds the port with
SO_REUSEPORT. The supervisor keeps a socket that is bound but never listens: the port stays ours
between workers, and port 0 is resolved once. It must not listen: a listener without an acceptor
would be given its share of the connections and swallow them.
"""

from __future__ import annotations

from tercet.cluster.address import Bind
from tercet.cluster.binding import bound, explained, reachable, refuse_foreign_listener


class Reservation:
    """A bound, not listening socket on a port. Owned by the supervisor."""

    def __init__(self, bind: Bind) -> None:
        """
        Raises:
            ConfigError: The address is in use or cannot be bound here.
        """
        bind = reachable(bind)
        try:
            refuse_foreign_listener(bind)
            self._socket = bound(bind)
        except OSError as error:
            raise explained(bind, error) from error
        self.bind = Bind(host=bind.host, port=self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()
