"""One connection: moves bytes between the transport and the core, and begins calls.

Guarantees:
* all frames of one turn of the loop leave in one write;
* while the transport's buffer is full nothing more is taken from the core, so that flow control
  reaches the writers;
* when the connection is gone every call on it is cancelled.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import TYPE_CHECKING, Any, cast

from tercet.rpc._connection import BEGIN, READABLE, Connection, ProtocolError, Stream
from tercet.rpc.native import request
from tercet.rpc.native.call import Call
from tercet.rpc.native.method import Dynamic, Method
from tercet.rpc.native.run import run

if TYPE_CHECKING:
    from tercet.rpc.native.server import NativeServer


class Protocol(asyncio.Protocol):
    """Made by its server for each connection that it accepts."""

    def __init__(self, server: NativeServer) -> None:
        self.server = server
        self.loop = server.loop
        self.core = Connection(
            server.route,
            max_message=server.limits.receive,
            max_streams=server.limits.streams,
            max_metadata=server.limits.metadata,
        )
        self.calls: dict[Stream, Call] = {}
        self.peer = ""
        self._transport: asyncio.Transport | None = None
        self._flushing = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.peer = peer_of(transport.get_extra_info("socket"))
        self.server.connected(self)
        self.flush_soon()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.core.lost()
        for call in list(self.calls.values()):
            call.lost()
        self.server.disconnected(self)

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        self.server.counters.bytes_received += len(data)
        try:
            events = self.core.receive(data)
        except ProtocolError:
            self._flush()
            self.close()
            return
        for event, stream in events:
            if event == BEGIN:
                self._begin(stream)
            else:
                call = self.calls.get(stream)
                if call is not None:
                    if event == READABLE:
                        call.readable()
                    else:
                        call.lost()
        self.flush_soon()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.flush_soon()

    def flush_soon(self) -> None:
        """Sends what is queued, at the end of this turn of the loop."""
        if not self._flushing and not self._paused:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def ended(self, call: Call, code: int) -> None:
        """A call has got its end."""
        self.calls.pop(call.stream, None)
        self.server.ended(call, code)
        self.flush_soon()

    def shut_down(self) -> None:
        """Asks the client for no more calls."""
        self.core.announce_shutdown()
        self.flush_soon()

    def refuse_more(self) -> None:
        self.core.refuse_more()
        self.flush_soon()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def terminate(self) -> None:
        """Ends every call and the connection."""
        for call in list(self.calls.values()):
            call.stop()
        self.core.terminate()
        self._flush()
        self.close()

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is None:
            return
        while not self._paused:
            data = self.core.take()
            for stream in self.core.writable:
                call = self.calls.get(stream)
                if call is not None:
                    call.writable()
            if not data:
                break
            self.server.counters.bytes_sent += len(data)
            self._transport.write(data)
        if self.core.ended:
            self.close()

    def _begin(self, stream: Stream) -> None:
        server = self.server
        server.counters.streams += 1
        call = Call(self, stream)
        try:
            timeout = request.timeout_of(stream.headers)
        except request.NotGrpc as error:
            self.core.refuse(stream, error.fields)
            return
        except request.Refused as error:
            call.finish(error.code, error.details, error.trailing)
            return
        method: Any = stream.handler
        if method is None:
            call.finish(12, "Method not found!", ())
        elif stream.refusal is not None and not stream.messages:
            code, details = stream.refusal
            call.finish(code, details.decode(), ())
        elif not server.admit(call):
            call.finish(8, "Concurrent RPC limit exceeded!", ())
        else:
            self.calls[stream] = call
            if timeout is not None:
                call.set_deadline(timeout)
            begun = run(call, method) if type(method) is Method else self._resolve(call, method)
            call.task = self.loop.create_task(begun)
            server.begun(call, call.task)

    async def _resolve(self, call: Call, dynamic: Dynamic) -> None:
        """Finds the handler of this very call, then runs it."""
        try:
            method = await self.server.find(dynamic.path, call)
        except Exception as error:
            call.method = dynamic
            if not call.finished:
                call.finish(2, f"Unexpected {type(error)}: {error}", ())
            return
        if method is None:
            call.finish(12, "Method not found!", ())
        else:
            await run(call, method)


def peer_of(connected: Any) -> str:
    """The peer's address as gRPC writes it: a percent-encoded URI."""
    name = connected.getpeername() if connected is not None else ""
    if not isinstance(name, tuple):
        return "unix:"
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    kind = "ipv6" if ":" in name[0] else "ipv4"
    return f"{kind}:{urllib.parse.quote(host, safe=':')}:{name[1]}"
