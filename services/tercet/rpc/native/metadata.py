"""Metadata between the wire and Python (gRPC over HTTP/2, "Custom-Metadata", "Status-Message")."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

Pair = tuple[bytes, bytes]

# Belong to HTTP or to gRPC itself; a handler does not see them.
RESERVED = frozenset(
    {
        "content-type",
        "te",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-message-type",
        "connection",
        "host",
    }
)
KEY = re.compile(r"[0-9a-z_.-]+")
VALUE = re.compile(r"[\x20-\x7e]*")
BASE64 = re.compile(rb" *[A-Za-z0-9+/]*={0,2} *")
UNSAFE = re.compile(rb"[^\x20-\x24\x26-\x7e]")


class Metadatum(NamedTuple):
    """One pair; a value whose key ends with "-bin" is bytes."""

    key: str
    value: str | bytes


def check(metadata: Any) -> None:
    """Refuses what cannot be trailing metadata, as grpc.aio does when it is set.

    Raises:
        TypeError: It is no iterable of pairs (str, str or bytes).
    """
    wrong = TypeError(
        "Invalid trailing metadata type, expected Tuple[Tuple[str, Union[str, bytes]]...]: "
        f"{metadata}"
    )
    if not hasattr(metadata, "__iter__") or isinstance(metadata, dict):
        raise wrong
    for item in metadata:
        if not isinstance(item, tuple) or len(item) != 2:
            raise wrong
        if not isinstance(item[0], str) or not isinstance(item[1], str | bytes):
            raise wrong


def sent(metadata: Iterable[tuple[str, str | bytes]]) -> list[Pair]:
    """Metadata as header fields.

    Raises:
        ValueError: A key or value cannot be sent.
    """
    fields = []
    for key, value in metadata:
        name = key.lower()
        if not KEY.fullmatch(name) or name.startswith("grpc-internal"):
            raise ValueError(f"metadata was invalid: the key {key!r} cannot be sent")
        if name.endswith("-bin"):
            raw = value.encode() if isinstance(value, str) else value
            fields.append((name.encode(), base64.b64encode(raw).rstrip(b"=")))
        else:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if not VALUE.fullmatch(text):
                raise ValueError(f"metadata was invalid: the value of {key!r} cannot be sent")
            fields.append((name.encode(), text.encode()))
    return fields


def percent_encoded(message: str) -> bytes:
    """A status message for grpc-message."""
    return UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], message.encode("utf-8", "replace"))


def is_base64(value: bytes) -> bool:
    """Whether each of the values of a "-bin" field can be decoded."""
    return all(BASE64.fullmatch(part) for part in value.split(b","))


def from_base64(value: bytes) -> bytes:
    """One value of a "-bin" field, padded or not."""
    value = value.strip(b" ")
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        return value
