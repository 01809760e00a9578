"""A raw HTTP/2 client that sends calls in bulk: far more of them than a gRPC client could.

What a call sends is laid out once; each one more is a join of the pieces with its stream's id.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, END_HEADERS, END_STREAM, Frame
from tests.soak.serve import SERVICE

# A stream's and a connection's window of both sides at first (RFC 9113, section 6.9.2).
WINDOW = 65535
# Seconds without a byte after which a server counts as stuck.
STUCK = 60.0
# Octets of the largest frame that any server must take (RFC 9113, section 4.2).
LARGEST = 16384


class Call:
    """The frames of a call: headers, a message if there is one, a reset if it is given up."""

    def __init__(
        self,
        method: str,
        message: bytes | None = b"hello",
        *,
        end: bool = True,
        timeout: bytes | None = None,
        reset: bool = False,
    ) -> None:
        fields = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", f"/{SERVICE}/{method}".encode()),
            (b":authority", b"localhost"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
        ]
        if timeout is not None:
            fields.append((b"grpc-timeout", timeout))
        sent = [Frame(frames.HEADERS, END_HEADERS, 0, frames.block(fields))]
        if message is not None:
            flags = END_STREAM if end else 0
            sent.append(Frame(frames.DATA, flags, 0, frames.message(message)))
        if reset:
            sent.append(RESET)
        self._pieces = _without_ids(sent)

    def on(self, stream: int) -> bytes:
        return struct.pack("!I", stream).join(self._pieces)


RESET = Frame(frames.RST_STREAM, 0, 0, struct.pack("!I", frames.CANCEL))


class Client:
    """One connection. Answers SETTINGS, and opens no window unless it is told to.

    Attributes:
        data: Bytes of DATA that came on each stream.
        ended: Streams that the server has ended.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=STUCK)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._pongs = 0
        self._next = 1
        self.data: dict[int, int] = {}
        self.last = b""
        self.ended: set[int] = set()
        self._windows = {0: WINDOW}
        self._uploaded = 0
        self._initial_window = WINDOW
        self._socket.sendall(frames.PREFACE + Frame(frames.SETTINGS, 0, 0, b"").encode())

    def begin(self, call: Call, count: int = 1) -> list[int]:
        """Sends so many calls at once; the ids of their streams."""
        streams = list(range(self._next, self._next + 2 * count, 2))
        self._next += 2 * count
        self._socket.sendall(b"".join(map(call.on, streams)))
        return streams

    def send(self, *sent: Frame) -> None:
        self._socket.sendall(b"".join(frame.encode() for frame in sent))

    def fill(self, streams: list[int], message: bytes, most: int) -> int:
        """Sends a message again and again on each stream while the server's windows let it.

        Args:
            most: Bytes on one stream.

        Returns:
            Bytes that the server took.
        """
        piece = frames.message(message)
        piece *= max(1, LARGEST // len(piece))
        sent = dict.fromkeys(streams, 0)

        def fits(stream: int) -> bool:
            window = self._initial_window + self._windows.get(stream, 0)
            return (
                sent[stream] + len(piece) <= min(window, most)
                and sum(sent.values()) + len(piece) <= self._windows[0]
            )

        # Its SETTINGS, and what it has to say to our first bytes.
        self.ping()
        while open_streams := [stream for stream in streams if fits(stream)]:
            for stream in filter(fits, open_streams):
                self.send(Frame(frames.DATA, 0, stream, piece))
                sent[stream] += len(piece)
            self.ping()
        return sum(sent.values())

    def upload(self, stream: int, message: bytes, count: int) -> None:
        """Sends so many messages on a stream, and its end, as the server's windows let it."""
        piece = frames.message(message)
        left, sent = len(piece) * count, 0
        unsent = b""
        while left or unsent:
            window = self._initial_window + self._windows.get(stream, 0) - sent
            room = min(window, self._windows[0] - self._uploaded, LARGEST)
            if room <= 0:
                self.read()
                continue
            if len(unsent) < LARGEST and left:
                unsent += piece
                left -= len(piece)
                continue
            part, unsent = unsent[:room], unsent[room:]
            end = END_STREAM if not (left or unsent) else 0
            self.send(Frame(frames.DATA, end, stream, part))
            sent += len(part)
            self._uploaded += len(part)

    def cancel(self, streams: list[int]) -> None:
        self.send(*(RESET._replace(stream=stream) for stream in streams))

    def grant(self, stream: int, octets: int) -> None:
        self.send(Frame(frames.WINDOW_UPDATE, 0, stream, struct.pack("!I", octets)))

    def ping(self) -> None:
        """A round trip: what was sent before, the server has read."""
        pongs = self._pongs
        self.send(Frame(frames.PING, 0, 0, bytes(8)))
        while self._pongs == pongs:
            self.read()

    def until_ended(self, streams: list[int]) -> None:
        while not self.ended.issuperset(streams):
            self.read()

    def read(self) -> None:
        """Takes what has come, at least a byte.

        Raises:
            EOFError: The server closed the connection.
        """
        came = self._socket.recv(1 << 20)
        if not came:
            raise EOFError("the server closed the connection")
        data = self._unread + came
        at = 0
        while len(data) - at >= 9:
            size = int.from_bytes(data[at : at + 3])
            if len(data) - at < 9 + size:
                break
            kind, flags, stream = struct.unpack_from("!BBI", data, at + 3)
            self._take(Frame(kind, flags, stream, data[at + 9 : at + 9 + size]))
            at += 9 + size
        self._unread = data[at:]

    def close(self, *, abort: bool = False) -> None:
        """In order, or with a reset that the server sees as a lost connection."""
        if abort:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _take(self, frame: Frame) -> None:
        if frame.type == frames.DATA:
            self.data[frame.stream] = self.data.get(frame.stream, 0) + len(frame.payload)
            self.last = frame.payload
        elif frame.type == frames.PING and frame.flags & ACK:
            self._pongs += 1
        elif frame.type == frames.WINDOW_UPDATE:
            self._windows[frame.stream] = self._windows.get(frame.stream, 0) + frame.number
        elif frame.type == frames.SETTINGS and not frame.flags & ACK:
            settings = dict(struct.iter_unpack("!HI", frame.payload))
            self._initial_window = settings.get(frames.SETTINGS_INITIAL_WINDOW_SIZE, WINDOW)
            self.send(Frame(frames.SETTINGS, ACK, 0, b""))
        elif frame.type == frames.GOAWAY:
            raise EOFError(f"the server goes away: {frame.payload!r}")
        if frame.type == frames.RST_STREAM or (
            frame.type in (frames.DATA, frames.HEADERS) and frame.flags & END_STREAM
        ):
            self.ended.add(frame.stream)


@contextlib.contextmanager
def connected(port: int) -> Iterator[Client]:
    client = Client(port)
    try:
        yield client
    finally:
        client.close(abort=True)


def _without_ids(sent: list[Frame]) -> list[bytes]:
    """What is between the ids of the frames' streams."""
    pieces = [b""]
    for encoded in (frame.encode() for frame in sent):
        pieces[-1] += encoded[:5]
        pieces.append(encoded[9:])
    return pieces
