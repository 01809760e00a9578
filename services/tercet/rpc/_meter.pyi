"""What one peer has sent, against what it may send: counted before nghttp2 reads it."""

from typing import final

from tercet.rpc._limits import Limits

@final
class Meter:
    """Of one connection, to which it belongs."""

    def __new__(cls, limits: Limits) -> Meter: ...
