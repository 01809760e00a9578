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


def echo(port: int, count: int) -> int:
    """Makes so many calls; how many were not answered well."""
    call = Call("Echo", MESSAGE)
    clients = [Bulk(port) for _ in range(CONNECTIONS)]
    failed, left = 0, count
    try:
        while left > 0:
            begun = []
            for client in clients:
                number = min(AT_ONCE, left)
                begun.append((client, client.begin(call, number)))
                left -= number
            for client, streams in begun:
                client.until_ended(streams)
                failed += sum(client.data.pop(stream, 0) != ANSWER for stream in streams)
                client.ended.difference_update(streams)
            for place, client in enumerate(clients):
                if client.leaving:
                    client.close()
                    clients[place] = Bulk(port)
    finally:
        for client in clients:
            client.close()
    return failed
