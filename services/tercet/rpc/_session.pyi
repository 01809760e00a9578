"""What the two ends of HTTP/2 have in common: an nghttp2 session, and how its bytes leave it."""

from typing_extensions import disjoint_base

@disjoint_base
class Session:
    """Base of a connection, which opens the session."""

    @property
    def wants_write(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def waiting_frames(self) -> int: ...
