"""Whether a request is a gRPC call at all (gRPC over HTTP/2, "Requests")."""

ENCODINGS: str

class NotGrpc(Exception):
    """It is answered in HTTP, with these header fields."""

    fields: list[tuple[bytes, bytes]]

    def __init__(self, *fields: tuple[bytes, bytes]) -> None: ...

class Refused(Exception):
    """It is answered with this status."""

    code: int
    details: str
    trailing: tuple[tuple[str, str], ...]

    def __init__(
        self, code: int, details: str, trailing: tuple[tuple[str, str], ...] = ()
    ) -> None: ...

def seconds(value: bytes) -> float | None: ...
