"""How gRPC puts a message on HTTP/2."""

from __future__ import annotations


def framed(message: bytes) -> bytes:
    """A gRPC message with its prefix: a flag, and the length in 4 bytes (gRPC over HTTP/2)."""
    return b"\0" + len(message).to_bytes(4, "big") + message
