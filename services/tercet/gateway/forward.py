"""Passes one call on: bytes of messages in both directions, then the status.

All four kinds of call pass as a stream of streams: on the wire they are the same.

Guarantees:
* the upstream call ends when this one does, whoever ended it: deadline, cancel, or a lost client;
* messages keep their order, and each is handed on before the next is read, so that a slow reader
  on one side holds back the writer on the other;
* what the upstream said (initial metadata, trailers, code, details) is what the caller gets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import grpc.aio

from tercet.gateway.endpoint import Endpoint
from tercet.gateway.metadata import forwarded

Context = grpc.aio.ServicerContext[bytes, bytes]
# A failed call has no initial metadata, and its caller may retry only if it gets none. An upstream
# that sends empty ones and then is silent looks the same at first; it is waited for so long (s).
HEADERS_ALONE = 0.05

Call = grpc.aio.StreamStreamCall[bytes, bytes]


async def forward(
    path: str, endpoint: Endpoint, requests: AsyncIterator[bytes], context: Context
) -> None:
    """Passes a call on to an endpoint and returns when it has ended."""
    multicallable: Any = endpoint.channel.stream_stream(path)
    call: Call = multicallable(
        metadata=forwarded(context.invocation_metadata()), timeout=context.time_remaining()
    )
    pump = asyncio.create_task(_pump(requests, call))
    try:
        await _answer(call, context)
    finally:
        # Without this, the upstream's handler would go on after the caller has gone.
        call.cancel()
        pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pump


async def _pump(requests: AsyncIterator[bytes], call: Call) -> None:
    # Not call.write(): when a send fails because the call has just ended, that sets the status to
    # INTERNAL before the real one (a lost worker, an early refusal) has been received.
    raw: Any = call._cython_call  # type: ignore[attr-defined]
    try:
        await call.wait_for_connection()
        async for message in requests:
            await raw.send_serialized_message(message)
        await call.done_writing()
    except (grpc.aio.AioRpcError, grpc.aio.InternalError, grpc.aio.UsageError):
        # The call is over; its status is told by _answer.
        return


async def _answer(call: Call, context: Context) -> None:
    with contextlib.suppress(grpc.aio.AioRpcError):
        metadata = await call.initial_metadata()
        reading = asyncio.ensure_future(call.read())
        try:
            if not metadata:
                await asyncio.wait([reading], timeout=HEADERS_ALONE)
            if metadata or not reading.done() or not reading.exception():
                await context.send_initial_metadata(metadata)
            message = await reading
        finally:
            reading.cancel()
        while message is not grpc.aio.EOF:
            await context.write(cast("bytes", message))
            message = await call.read()
    # The status as the upstream told it, or as the channel to it did.
    context.set_trailing_metadata(await call.trailing_metadata() or ())
    context.set_code(await call.code())
    context.set_details(await call.details() or "")
