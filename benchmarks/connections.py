"""Connections that are open and do nothing."""

from __future__ import annotations

import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, ACK = 4, 1
HEAD = 9
TIMEOUT = 20.0


def frame(kind: int, flags: int) -> bytes:
    """An empty frame of the connection (RFC 9113 section 4.1)."""
    return struct.pack("!HBBBI", 0, 0, kind, flags, 0)


@contextmanager
def idle(address: str, count: int, *, http1: bool = False) -> Iterator[None]:
    """Opens so many, and over HTTP/2 exchanges settings; HTTP/1.1 has nothing to say before a call.

    Raises:
        ConnectionError: The server closed one.
    """
    host, _, port = address.rpartition(":")
    _allow(count)
    with ExitStack() as stack:
        for _ in range(count):
            connection = socket.create_connection((host, int(port)), TIMEOUT)
            stack.enter_context(connection)
            if not http1:
                connection.sendall(PREFACE + frame(SETTINGS, 0))
                _await_settings(connection)
                connection.sendall(frame(SETTINGS, ACK))
        yield


def _allow(count: int) -> None:
    """Raises this process's limit of descriptors, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2 * count), hard), hard))


def _await_settings(connection: socket.socket) -> None:
    while True:
        head = _exactly(connection, HEAD)
        _exactly(connection, int.from_bytes(head[:3], "big"))
        if head[3] == SETTINGS and not head[4] & ACK:
            return


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            raise ConnectionError("the server closed an idle connection")
        read += part
    return read
