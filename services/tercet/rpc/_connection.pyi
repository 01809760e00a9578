"""One HTTP/2 server connection that speaks gRPC, without I/O: bytes in, bytes and events out."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, final

from tercet.rpc._stream import Packed, Stream

_Pair: TypeAlias = tuple[bytes, bytes]

BEGIN: Final[int]
READABLE: Final[int]
CLOSED: Final[int]

class ProtocolError(Exception):
    """The peer broke HTTP/2; what `take` returns next tells it, then the connection must close."""

@final
class Connection:
    """A server's end. Its methods belong to one thread.

    Args:
        route: Called with the :path of each request that is not in `known`; its answer has the
            attributes `whole` (does the call begin when its request is whole?) and, if its bytes
            are to pass as they are, `forward`. None: there is no such method.
        known: What is known of paths beforehand; connections may share one.
        max_message: Largest message received, in bytes; -1 for no limit.
        max_streams: SETTINGS_MAX_CONCURRENT_STREAMS.
        window: Bytes of a stream's receive window.
        max_metadata: Bytes of the headers of a request, counted as in RFC 9113, section 10.5.1.
    """

    @property
    def writable(self) -> list[Stream]: ...
    def __new__(
        cls,
        route: Callable[[bytes], Any],
        *,
        known: dict[bytes, Any] | None = None,
        max_message: int = ...,
        max_streams: int = ...,
        window: int = ...,
        max_metadata: int = ...,
    ) -> Connection: ...
    @property
    def open_streams(self) -> int: ...
    @property
    def wants_write(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    def streams_begun(self) -> list[Stream]: ...
    def receive(
        self, data: bytes | bytearray | memoryview, size: int = -1
    ) -> list[tuple[int, Stream]]: ...
    def take(self) -> bytes: ...
    def respond(
        self, stream: Stream, message: bytes | Packed, trailers: list[_Pair] | None = None
    ) -> None: ...
    def send_headers(self, stream: Stream, metadata: list[_Pair]) -> None: ...
    def send_message(self, stream: Stream, message: bytes | Packed) -> bool: ...
    def finish(self, stream: Stream, trailers: list[_Pair]) -> None: ...
    def refuse(self, stream: Stream, fields: list[_Pair]) -> None: ...
    def reset(self, stream: Stream, code: int) -> None: ...
    def next_message(self, stream: Stream) -> bytes | Packed | None: ...
    def announce_shutdown(self) -> None: ...
    def refuse_more(self) -> None: ...
    def terminate(self, code: int = 0) -> None: ...
    def lost(self) -> list[Stream]: ...
