"""Runs the handler of a call, whatever its style, and gives the call its end.

What an exception comes to is what grpc.aio makes of it: UNKNOWN with its class and message, unless
the handler has set another code.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

import grpc.aio

from tercet.errors import TercetError
from tercet.rpc.native import threads
from tercet.rpc.native.call import OK, Call
from tercet.rpc.native.method import Method
from tercet.rpc.status import status_of

log = logging.getLogger("tercet.rpc")


async def run(call: Call, method: Method) -> None:
    """Runs a call to its end."""
    call.method = method
    try:
        if method.request_streaming:
            request: Any = None
        else:
            message = await call.next_raw()
            if message is None:
                call.finish(13, "the request has no message", ())
                return
            request = method.deserialize(message) if method.deserialize else message
        if method.sync:
            await threads.run(call, method, request)
        elif method.response_streaming:
            await _stream(call, method, call.requests() if method.request_streaming else request)
        else:
            answered = method.behaviour(
                call.requests() if method.request_streaming else request, call
            )
            await respond(call, method, await answered)
    except asyncio.CancelledError:
        if not call.finished:
            # The handler itself, or a task that it waited for, was cancelled.
            call.finish(1, "", ())
    except grpc.aio.AbortError:
        if not call.finished:
            _failed(call, method, RuntimeError("abort of another call"))
    except TercetError as error:
        status = status_of(error)
        call.finish(status.code.value[0], status.details, status.trailing_metadata)
    except Exception as error:
        _failed(call, method, error)


async def respond(call: Call, method: Method, response: Any) -> None:
    """Answers with one message, or with the status alone if it is not OK."""
    if call.status != OK:
        call.complete()
    else:
        await call.respond(serialized(method, response))


async def _stream(call: Call, method: Method, request: Any) -> None:
    answered = method.behaviour(request, call)
    if method.generates:
        try:
            async for response in answered:
                await call.write(response)
        finally:
            await answered.aclose()
    elif inspect.isawaitable(answered):
        await answered
    call.complete()


def serialized(method: Method, response: Any) -> bytes:
    """A response as bytes; where there is no serializer, text is UTF-8, as in grpc.aio."""
    if method.serialize:
        return method.serialize(response)
    return response.encode() if isinstance(response, str) else response


def _failed(call: Call, method: Method, error: Exception) -> None:
    if not call.finished:
        log.error(
            "Unexpected [%s] raised by servicer method [%s]",
            type(error).__name__,
            method.path,
            exc_info=error,
        )
        code = call.status if call.status != OK else 2
        call.finish(code, f"Unexpected {type(error)}: {error}", call.trailing)
