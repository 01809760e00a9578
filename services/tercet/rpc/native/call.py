"""One call: what its handler sees (`grpc.aio.ServicerContext`) and what it comes to."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio

from tercet.rpc.native import metadata

if TYPE_CHECKING:
    from tercet.rpc._connection import Stream
    from tercet.rpc.native.protocol import Protocol

OK = 0
CODES = {code.value[0]: code for code in grpc.StatusCode}


def number(code: Any) -> int:
    """The number of a status code: OK for None, UNKNOWN for what is none."""
    if code is None:
        return OK
    if isinstance(code, grpc.StatusCode):
        return int(code.value[0])
    return code if isinstance(code, int) and code in CODES else 2


class Call(grpc.aio.ServicerContext[Any, Any]):
    """The context of one call. Belongs to the loop of its connection."""

    def __init__(self, protocol: Protocol, stream: Stream) -> None:
        self._protocol = protocol
        self._core = protocol.core
        self._stream = self.stream = stream
        self._metadata: tuple[metadata.Metadatum, ...] | None = None
        self._code: Any = None
        self._details = ""
        self._trailing: tuple[Any, ...] = ()
        self._aborted: BaseException | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self.method: Any = None
        self.task: asyncio.Task[None] | None = None
        self.finished = False
        self.client_gone = False
        self.begun = time.perf_counter()

    # -- what the handler asks ---------------------------------------------------------------

    async def read(self) -> Any:
        if self._aborted is not None:
            raise self._aborted
        message = await self.next_raw()
        if message is None:
            return grpc.aio.EOF
        deserialize = self.method.deserialize
        return deserialize(message) if deserialize else message

    async def write(self, message: Any) -> None:
        self._check()
        if not self.method.response_streaming:
            raise grpc.aio.UsageError("write() is for methods that stream their responses")
        serialize = self.method.serialize
        await self.send(serialize(message) if serialize else message)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        self._check()
        if self._stream.headers_sent:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        try:
            fields = metadata.sent(initial_metadata)
        except ValueError:
            self.finish(13, "Invalid metadata", ())
            raise
        self._core.send_headers(self._stream, fields)
        self._protocol.flush_soon()

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        if self._aborted is not None:
            raise grpc.aio.UsageError("Abort already called!")
        _check_details(details)
        metadata.check(trailing_metadata)
        self._aborted = grpc.aio.AbortError("Locally aborted.")
        self._code = code
        self._details = details or self._details
        self._trailing = tuple(trailing_metadata) or self._trailing
        self.complete()
        raise self._aborted

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._check()
        metadata.check(trailing_metadata)
        self._trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Any:
        return self._trailing

    def invocation_metadata(self) -> Any:
        if self._metadata is None:
            self._metadata = metadata.received(self._stream.headers)
        return self._metadata

    def set_code(self, code: Any) -> None:
        self._check()
        self._code = code

    def code(self) -> Any:
        return self._code

    def set_details(self, details: str) -> None:
        self._check()
        _check_details(details)
        self._details = details

    def details(self) -> str:
        return self._details

    def set_compression(self, compression: grpc.Compression) -> None:
        if self._stream.headers_sent:
            raise RuntimeError(
                "Compression setting must be specified before sending initial metadata"
            )

    def disable_next_message_compression(self) -> None:
        return

    def peer(self) -> str:
        return self._protocol.peer

    def peer_identities(self) -> Iterable[bytes] | None:
        return None

    def peer_identity_key(self) -> str | None:
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        return {}

    def time_remaining(self) -> Any:
        if self._deadline is None:
            return None
        return max(self._deadline - self._protocol.loop.time(), 0)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self.finished:
            self._protocol.loop.call_soon(callback, self)
        else:
            self._callbacks.append(functools.partial(callback, self))

    def cancelled(self) -> bool:
        return self.client_gone or number(self._code) == 1

    def done(self) -> bool:
        return self.finished

    # -- what runs it asks -------------------------------------------------------------------

    def set_deadline(self, timeout: float) -> None:
        """Ends the call in so many seconds."""
        loop = self._protocol.loop
        self._deadline = loop.time() + timeout
        self._timer = loop.call_later(timeout, self._expired)

    async def next_raw(self) -> bytes | None:
        """The next message of the request; None after the last."""
        while True:
            message = self._core.next_message(self._stream)
            if message is not None:
                # The window that this opens must be told to the client.
                self._protocol.flush_soon()
                return message
            if self._stream.refusal is not None:
                code, details = self._stream.refusal
                await self.abort(code, details.decode())
            if self._stream.half_closed:
                return None
            if self.finished:
                raise asyncio.CancelledError
            self._waiter = self._protocol.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def requests(self) -> AsyncIterator[Any]:
        while (message := await self.read()) is not grpc.aio.EOF:
            yield message

    async def send(self, message: bytes) -> None:
        """Sends a message; waits while the client does not read."""
        await self._refuse_larger(message)
        if not self._stream.headers_sent:
            self._core.send_headers(self._stream, [])
        room = self._core.send_message(self._stream, message)
        self._protocol.flush_soon()
        if not room:
            self._drained = self._protocol.loop.create_future()
            try:
                await self._drained
            finally:
                self._drained = None

    def readable(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def writable(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def respond(self, message: bytes) -> None:
        """The whole answer of a unary call."""
        if self.finished:
            return
        await self._refuse_larger(message)
        trailers = None
        if self._trailing or self._details:
            try:
                trailers = _status(OK, self._details, metadata.sent(self._trailing))
            except ValueError:
                self.finish(13, "Invalid metadata", ())
                return
        self._core.respond(self._stream, message, trailers)
        self._end(OK)

    def complete(self) -> None:
        """The handler has returned; its status is what it has set."""
        self.finish(number(self._code), self._details, self._trailing)

    @property
    def status(self) -> int:
        return number(self._code)

    @property
    def trailing(self) -> tuple[Any, ...]:
        return self._trailing

    @property
    def explanation(self) -> str:
        return self._details

    @property
    def aborted(self) -> bool:
        return self._aborted is not None

    def finish(self, code: int, details: str, trailing: Any) -> None:
        """Ends the call with a status; a second end is nothing."""
        if self.finished:
            return
        try:
            fields = metadata.sent(trailing)
        except ValueError:
            code, details, fields = 13, "Invalid metadata", []
        self._core.finish(self._stream, _status(code, details, fields))
        self._end(code)

    def lost(self) -> None:
        """The stream is closed: the client has cancelled, or its connection is gone."""
        if self.finished:
            return
        self.client_gone = True
        self._end(1)
        if self.task is not None:
            self.task.cancel()

    def stop(self) -> None:
        """The server stops without (further) grace."""
        if not self.finished:
            self.finish(14, "Server shutting down", ())
            if self.task is not None:
                self.task.cancel()

    async def _refuse_larger(self, message: bytes) -> None:
        most = self._protocol.server.limits.send
        if 0 <= most < len(message):
            await self.abort(8, f"SERVER: Sent message larger than max ({len(message)} vs. {most})")

    def _expired(self) -> None:
        if not self.finished:
            # A timer may fire within the clock's resolution before its time.
            self._deadline = 0.0
            self.finish(4, "Deadline Exceeded", ())
            if self.task is not None:
                self.task.cancel()

    def _end(self, code: int) -> None:
        self.finished = True
        if self._timer is not None:
            self._timer.cancel()
        self.readable()
        self.writable()
        self._protocol.ended(self, code)
        for callback in self._callbacks:
            self._protocol.loop.call_soon(callback)

    def _check(self) -> None:
        if self._aborted is not None:
            raise self._aborted
        if self.client_gone:
            raise asyncio.CancelledError


def _check_details(details: Any) -> None:
    if not isinstance(details, str):
        raise TypeError(f"details must be a str, not {type(details).__name__}")


def _status(code: int, details: str, trailing: list[metadata.Pair]) -> list[metadata.Pair]:
    fields = [(b"grpc-status", b"%d" % code)]
    if details:
        fields.append((b"grpc-message", metadata.percent_encoded(details)))
    return fields + trailing
