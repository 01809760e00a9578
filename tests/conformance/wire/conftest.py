"""A server in the test's own loop, whose handlers tell what they see, and a raw client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tests.conformance.conftest import REFERENCE
from tests.conformance.wire.connection import Connection, connect
from tests.conformance.wire.frames import Fields

SERVICE = "conformance.Wire"
LARGEST = 1000


def reference_deviates(engine: str, how: str) -> None:
    """Expects the rest of a test to fail on the C-core."""
    if engine == REFERENCE:
        pytest.xfail(f"the C-core {how}")


@dataclass
class Served:
    """A server, and what its handlers noted."""

    server: grpc.aio.Server
    port: int = 0
    notes: list[str] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)


class Handlers(grpc.GenericRpcHandler):
    """/conformance.Wire/X: a method per behaviour that a raw client needs. Bytes in, bytes out."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        service, _, name = handler_call_details.method.rpartition("/")
        method = getattr(self, name.lower(), None) if service == f"/{SERVICE}" else None
        return method and method()

    def echo(self) -> Any:
        async def handle(request: bytes, context: Any) -> bytes:
            self._served.notes.append("called")
            return request

        return grpc.unary_unary_rpc_method_handler(handle)

    def metadata(self) -> Any:
        """Answers with the metadata as Python shows it."""

        async def handle(request: bytes, context: Any) -> bytes:
            return repr([tuple(pair) for pair in context.invocation_metadata()]).encode()

        return grpc.unary_unary_rpc_method_handler(handle)

    def remaining(self) -> Any:
        """Answers with the time that is left, in seconds."""

        async def handle(request: bytes, context: Any) -> bytes:
            return repr(context.time_remaining()).encode()

        return grpc.unary_unary_rpc_method_handler(handle)

    def fail(self) -> Any:
        """Aborts with the request as details."""

        async def handle(request: bytes, context: Any) -> None:
            await context.abort(grpc.StatusCode.ABORTED, request.decode(), (("a", "1"),))

        return grpc.unary_unary_rpc_method_handler(handle)

    def repeat(self) -> Any:
        """A message of as many octets as each request says."""

        async def handle(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for request in requests:
                yield bytes(int(request))

        return grpc.stream_stream_rpc_method_handler(handle)

    def collect(self) -> Any:
        """Answers with the sizes of the requests."""

        async def handle(requests: AsyncIterator[bytes], context: Any) -> bytes:
            return repr([len(request) async for request in requests]).encode()

        return grpc.stream_unary_rpc_method_handler(handle)

    def early(self) -> Any:
        """Answers before it has read anything."""

        async def handle(requests: AsyncIterator[bytes], context: Any) -> bytes:
            return b"early"

        return grpc.stream_unary_rpc_method_handler(handle)

    def unread(self) -> Any:
        """Reads nothing, and answers when the test lets it go on."""

        async def handle(requests: AsyncIterator[bytes], context: Any) -> bytes:
            self._served.notes.append("started")
            await self._served.go_on.wait()
            return b"unread"

        return grpc.stream_unary_rpc_method_handler(handle)

    def wait(self) -> Any:
        """Waits until the test lets it go on; notes how that ends."""

        async def handle(request: bytes, context: Any) -> bytes:
            self._served.notes.append("started")
            try:
                await self._served.go_on.wait()
            except asyncio.CancelledError:
                self._served.notes.append("cancelled")
                raise
            return b"waited"

        return grpc.unary_unary_rpc_method_handler(handle)

    def pour(self) -> Any:
        """Writes 16 KiB messages for as long as it is let; notes each, and its end."""

        async def handle(request: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(16384)
                    self._served.notes.append("written")
            finally:
                self._served.notes.append("ended")

        return grpc.unary_stream_rpc_method_handler(handle)


@pytest.fixture
async def served(engine: str) -> AsyncIterator[Served]:
    # A ping of `wire` is a round trip: there may be many.
    options = [("grpc.max_receive_message_length", LARGEST), ("grpc.http2.max_ping_strikes", 0)]
    server = rpc.server(engine=engine, options=options)
    made = Served(server)
    server.add_generic_rpc_handlers((Handlers(made),))
    made.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield made
    await server.stop(0)


@pytest.fixture
async def wire(served: Served) -> AsyncIterator[Connection]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(connect(served.port))


def request(method: str, /, **changed: bytes | None) -> Fields:
    """The headers of a call; `te=None` leaves one out, `path=b"/"` changes a pseudo-header."""
    fields: dict[bytes, bytes | None] = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": f"/{SERVICE}/{method}".encode(),
        b":authority": b"localhost",
        b"te": b"trailers",
        b"content-type": b"application/grpc",
    }
    for name, value in changed.items():
        key = name.replace("_", "-").encode()
        fields[b":" + key if b":" + key in fields else key] = value
    return [(key, value) for key, value in fields.items() if value is not None]
