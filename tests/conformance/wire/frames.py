"""HTTP/2 frames by hand (RFC 9113 section 4), so that a test can send what no client would."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, _, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(
    10
)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, REFUSED_STREAM, CANCEL = 5, 7, 8

SETTINGS_INITIAL_WINDOW_SIZE = 4

Fields = Iterable[tuple[bytes, bytes]]


class Frame(NamedTuple):
    """A frame: its type, flags, stream and payload."""

    type: int
    flags: int
    stream: int
    payload: bytes

    def encode(self) -> bytes:
        head = struct.pack("!I", len(self.payload))[1:] + bytes([self.type, self.flags])
        return head + struct.pack("!I", self.stream) + self.payload

    @property
    def number(self) -> int:
        """The payload's last four octets: an error code, or an increment."""
        return int(struct.unpack("!I", self.payload[-4:])[0])


def block(fields: Fields) -> bytes:
    """A field block of literals, which are neither indexed nor compressed (RFC 7541 6.2.2)."""
    return b"".join(b"\x00" + _string(name) + _string(value) for name, value in fields)


def _string(octets: bytes) -> bytes:
    # An integer with a prefix of 7 bits (RFC 7541 5.1).
    length = len(octets)
    if length < 127:
        return bytes([length]) + octets
    rest, encoded = length - 127, bytearray([127])
    while rest >= 128:
        encoded.append(rest % 128 | 128)
        rest //= 128
    encoded.append(rest)
    return bytes(encoded) + octets


def message(payload: bytes, *, compressed: bool = False, length: int | None = None) -> bytes:
    """A length-prefixed gRPC message, whose prefix may lie."""
    size = len(payload) if length is None else length
    return struct.pack("!BI", compressed, size) + payload


def messages(data: bytes) -> list[bytes]:
    """The payloads of the length-prefixed messages that a body consists of."""
    found = []
    while data:
        compressed, length = struct.unpack_from("!BI", data)
        assert not compressed
        assert len(data) >= 5 + length, "a truncated message"
        found.append(data[5 : 5 + length])
        data = data[5 + length :]
    return found
