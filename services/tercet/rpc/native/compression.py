"""Messages, compressed and not (gRPC's compression.md; RFC 1950 and RFC 1952).

Encodings have the numbers of `grpc.Compression`. zlib lets other threads run while it works.
"""

from __future__ import annotations

import zlib

IDENTITY, DEFLATE, GZIP = 0, 1, 2
NAMES = {IDENTITY: b"identity", DEFLATE: b"deflate", GZIP: b"gzip"}
NUMBERS = {b"": IDENTITY, **{name: number for number, name in NAMES.items()}}
# Without the C-core's spaces, which the grammar does not have: grpc-js takes " gzip" for another
# encoding, and compresses no more.
ACCEPTED = b"identity,deflate,gzip"
WINDOW_BITS = {DEFLATE: zlib.MAX_WBITS, GZIP: zlib.MAX_WBITS + 16}
# What the length of a message can say, and so the most that it is unpacked to.
LARGEST = (1 << 32) - 1


class Damaged(Exception):
    """What came is not what its encoding says."""


class TooLarge(Exception):
    """The message is larger than the limit; how much larger nobody has looked."""


def decompress(encoding: int, data: bytes, limit: int) -> bytes:
    """One message, of which no more than one byte beyond the limit is ever unpacked.

    Nothing is the compressed form of nothing, and a second gzip member is an error: the C-core's
    rules, and its wording.

    Args:
        limit: The largest message, in bytes; -1 for any that gRPC could send as it is.

    Raises:
        Damaged: The data is corrupt, truncated, or followed by other data.
        TooLarge: There is more than `limit`, or than there is memory for.
    """
    if encoding == IDENTITY:
        raise Damaged("Compression bit set but no encoding configured")
    if not data:
        return b""
    most = LARGEST if limit < 0 else limit
    unpacker = zlib.decompressobj(WINDOW_BITS[encoding])
    try:
        message = unpacker.decompress(data, most + 1)
    except zlib.error as error:
        raise Damaged("Decompression failed due to zlib error") from error
    except MemoryError as error:
        raise TooLarge from error
    if len(message) > most:
        raise TooLarge
    if not unpacker.eof:
        raise Damaged("Decompression failed due to data error")
    if unpacker.unused_data:
        raise Damaged("Decompression failed due to not all input consumed")
    return message


def compress(encoding: int, message: bytes) -> bytes | None:
    """The message compressed, or None if that would not make it smaller."""
    packed = zlib.compress(message, wbits=WINDOW_BITS[encoding])
    return packed if len(packed) < len(message) else None


def allowed(encoding: int, fields: list[tuple[bytes, bytes]]) -> int:
    """The encoding if the request's grpc-accept-encoding names it, else identity.

    A client that says nothing has not said that it reads any ("Compression" in gRPC over HTTP/2).
    """
    for name, value in fields:
        if name == b"grpc-accept-encoding" and NAMES[encoding] in (
            each.strip() for each in value.split(b",")
        ):
            return encoding
    return IDENTITY
