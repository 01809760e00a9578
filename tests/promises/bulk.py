"""Calls in bulk through the gateway, each of which must be answered: more than gRPC could make.

Connections that a gateway ends in order are replaced by others; what was begun on them is finished.
"""

from __future__ import annotations

from tests.conformance.wire import frames
from tests.conformance.wire.frames import Frame
from tests.soak.client import Call, Client

MESSAGE = b"hello"
# What answers it: the message, behind its length.
ANSWER = 5 + len(MESSAGE)
CONNECTIONS = 8
AT_ONCE = 50
ROUND = CONNECTIONS * AT_ONCE
CALL = Call("Echo", MESSAGE)


class Bulk(Client):
    """A connection that is told when to make room for another."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.leaving = False

    def _take(self, frame: Frame) -> None:
        if frame.type == frames.GOAWAY:
            self.leaving = True
        else:
            super()._take(frame)


class Crowd:
    """Connections that stay, until the `with` ends."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._clients: list[Bulk] = []

    def __enter__(self) -> Crowd:
        self._clients = [Bulk(self._port) for _ in range(CONNECTIONS)]
        return self

    def __exit__(self, *error: object) -> None:
        for client in self._clients:
            client.close()

    def echo(self) -> int:
        """Makes `ROUND` calls; how many were not answered well."""
        failed = 0
        begun = [(client, client.begin(CALL, AT_ONCE)) for client in self._clients]
        for client, streams in begun:
            client.until_ended(streams)
            failed += sum(client.data.pop(stream, 0) != ANSWER for stream in streams)
            client.ended.difference_update(streams)
            # What has come is read.
            client.grant(0, AT_ONCE * ANSWER)
        for place, client in enumerate(self._clients):
            if client.leaving:
                client.close()
                self._clients[place] = Bulk(self._port)
        return failed
