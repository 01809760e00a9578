"""SayHello of the greeter over HTTP/2, as bytes (RFC 9113): one stream at a time.

A call is answered by a whole message. Headers are not read: a call that ends without a message has
failed, whatever its grpc-status.
"""

from __future__ import annotations

import struct

from benchmarks.connections import ACK, HEAD, PREFACE, SETTINGS
from benchmarks.greetings import UNARY, unary_request
from benchmarks.wire.connection import Connection
from examples.greeter.v1 import greeter_pb2

DATA, HEADERS, RST_STREAM, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 6, 7, 8
END_STREAM, END_HEADERS = 1, 4
# Of answers in all, over the life of a connection, and some.
WINDOW = 1 << 30
PREFIX = 5


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    return struct.pack("!BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """A field that no table has, without Huffman (RFC 7541 section 6.2.2)."""
    parts = (text.encode() for text in (name, value))
    return b"\0" + b"".join(bytes([len(part)]) + part for part in parts)


def _fields(address: str) -> bytes:
    pairs = {
        ":method": "POST",
        ":scheme": "http",
        ":path": UNARY,
        ":authority": address,
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(_literal(name, value) for name, value in pairs.items())


class Http2(Connection):
    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._stream = -1
        self._message = bytearray()
        self._head = _fields(address)
        self._body = unary_request()

    def _request(self) -> bytes:
        opening = b""
        if self._stream < 0:
            update = frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", WINDOW))
            opening = PREFACE + frame(SETTINGS, 0, 0) + update
        self._stream += 2
        self._message.clear()
        return (
            opening
            + frame(HEADERS, END_HEADERS, self._stream, self._head)
            + frame(DATA, END_STREAM, self._stream, self._body)
        )

    def _read(self) -> None:
        while len(self._received) >= HEAD:
            high, low, kind, flags, stream = struct.unpack("!BHBBI", self._received[:HEAD])
            end = HEAD + (high << 16 | low)
            if len(self._received) < end:
                return
            payload = bytes(self._received[HEAD:end])
            del self._received[:end]
            self._frame(kind, flags, stream, payload)

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self._write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self._write(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self._leave()
            if int.from_bytes(payload[:4], "big") < self._stream:
                self._lose("refused by GOAWAY")
        elif kind == RST_STREAM and stream == self._stream:
            self._lose("stream reset")
        elif kind in (DATA, HEADERS) and stream == self._stream:
            if kind == DATA:
                self._message += payload
            if flags & END_STREAM:
                self._end()

    def _end(self) -> None:
        if len(self._message) <= PREFIX:
            self._lose("failed status")
        else:
            answer = greeter_pb2.SayHelloResponse.FromString(bytes(self._message[PREFIX:]))
            self._answered(answer.pid)
