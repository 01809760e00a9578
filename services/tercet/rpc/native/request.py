"""Whether a request is a gRPC call at all (gRPC over HTTP/2, "Requests")."""

from __future__ import annotations

from collections.abc import Sequence

from tercet.rpc.native import metadata, timeouts
from tercet.rpc.native.metadata import Pair

CONTENT_TYPE = b"application/grpc"
INTERNAL = 13
UNIMPLEMENTED = 12
# What this engine can read.
ENCODINGS = "identity"


class NotGrpc(Exception):
    """It is answered in HTTP, with these header fields."""

    def __init__(self, *fields: Pair) -> None:
        super().__init__(fields)
        self.fields = list(fields)


class Refused(Exception):
    """It is answered with this status."""

    def __init__(self, code: int, details: str, trailing: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.trailing = trailing


def timeout_of(headers: Sequence[Pair]) -> float | None:
    """Examines the header fields of a request; returns the seconds that its call has, if it says.

    Raises:
        NotGrpc: Another content type (415) or method (405).
        Refused: A field of gRPC's is malformed, or an encoding is unknown.
    """
    method = content_type = te = encoding = b""
    timeout: float | None = None
    malformed = ""
    for name, value in headers:
        if name == b":method":
            method = value
        elif name == b"content-type":
            content_type = value
        elif name == b"te":
            te = value
        elif name == b"grpc-timeout":
            timeout = timeouts.seconds(value)
            if timeout is None:
                malformed = "Error parsing 'grpc-timeout' metadata"
        elif name == b"grpc-encoding":
            encoding = value
        elif name[-4:] == b"-bin" and not metadata.is_base64(value):
            malformed = f"Error parsing '{name.decode()}' metadata: illegal base64 encoding"
    rest = content_type[len(CONTENT_TYPE) :]
    if not content_type.startswith(CONTENT_TYPE) or (rest and rest[:1] not in (b"+", b";")):
        raise NotGrpc((b":status", b"415"))
    if method != b"POST":
        raise NotGrpc((b":status", b"405"), (b"allow", b"POST"))
    if te != b"trailers":
        # A proxy that strips it would strip the trailers too.
        raise Refused(INTERNAL, "the request has no `te: trailers`")
    if malformed:
        raise Refused(INTERNAL, malformed)
    if encoding not in (b"", b"identity"):
        raise Refused(
            UNIMPLEMENTED,
            f"grpc-encoding {encoding.decode('latin-1')!r} is not supported",
            (("grpc-accept-encoding", ENCODINGS),),
        )
    return timeout
