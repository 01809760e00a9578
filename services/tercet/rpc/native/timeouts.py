"""grpc-timeout (gRPC over HTTP/2, "Timeout")."""

from __future__ import annotations

import re

FORM = re.compile(rb"(\d{1,8})([HMSmun])")
UNIT = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def seconds(value: bytes) -> float | None:
    """The time that a call has, or None if the field is malformed."""
    found = FORM.fullmatch(value)
    return int(found[1]) * UNIT[found[2]] if found else None
