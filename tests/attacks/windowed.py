"""A client that keeps account of the connection's window."""

from __future__ import annotations

import socket
import struct

from tests.attacks.calls import calls, opening
from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, Frame

# A connection's window at first (RFC 9113, section 6.9.2).
FIRST = 65535
LARGEST = 16384
STUCK = 20.0
PING = Frame(frames.PING, 0, 0, b"windowed")


class Windowed:
    """One connection, until its `with` ends.

    Attributes:
        window: Bytes that the server lets it send on the connection.
        sent: Bytes of DATA.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=STUCK)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._calls = 0
        self.window = FIRST
        self.sent = 0
        self._socket.sendall(opening())

    def __enter__(self) -> Windowed:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def until_open(self, octets: int) -> None:
        while self.window < octets:
            self._read()

    def send_late(self, method: str, then: tuple[Frame, ...], octets: int) -> None:
        """Makes a call that is over by the time that its request arrives.

        Raises:
            AssertionError: The connection's window does not let so much pass.
        """
        assert self.window >= octets, f"{self.window} bytes are left after {self.sent}"
        self._socket.sendall(calls(method, *then, first=self._calls))
        self._calls += 1
        self._ping()
        piece = Frame(frames.DATA, 0, 2 * self._calls - 1, bytes(LARGEST)).encode()
        for _ in range(octets // LARGEST):
            self._socket.sendall(piece)
            self.sent += LARGEST
            self.window -= LARGEST
        self._ping()

    def _ping(self) -> None:
        """A round trip: what was sent before, the server has read."""
        self._socket.sendall(PING.encode())
        while PING._replace(flags=ACK) not in self._read():
            pass

    def _read(self) -> list[Frame]:
        came = self._socket.recv(1 << 16)
        assert came, "the server closed the connection"
        data = self._unread + came
        at = 0
        found = []
        while len(data) - at >= 9 and len(data) - at >= 9 + int.from_bytes(data[at : at + 3]):
            size = int.from_bytes(data[at : at + 3])
            kind, flags, stream = struct.unpack_from("!BBI", data, at + 3)
            frame = Frame(kind, flags, stream, data[at + 9 : at + 9 + size])
            assert kind != frames.GOAWAY, frame
            if kind == frames.WINDOW_UPDATE and stream == 0:
                self.window += frame.number
            found.append(frame)
            at += 9 + size
        self._unread = data[at:]
        return found
