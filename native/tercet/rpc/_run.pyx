# cython: auto_pickle=False
"""Runs the handler of a call, whatever its style, and gives the call its end.

What an exception comes to is what grpc.aio makes of it: UNKNOWN with its class and message, unless
the handler has set another code.
"""

import asyncio
import inspect
import logging

import grpc.aio

from tercet.rpc._call cimport Call, number
from tercet.rpc._method cimport Method

from tercet.errors import TercetError
from tercet.rpc.native import threads
from tercet.rpc.status import status_of

cdef enum:
    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    UNIMPLEMENTED = 12
    INTERNAL = 13

log = logging.getLogger("tercet.rpc")


async def run(Call call, handler):
    """Runs a call to its end.

    Args:
        handler: A Method, or a Dynamic whose method is to be found first.
    """
    cdef Method method
    call.entered = True
    call.sender.ledger.fresh -= 1
    try:
        method = handler if type(handler) is Method else await resolved(call, handler)
        if method is None:
            return
        call.method = method
        call.tally = method.tally
        request = None
        if not method.request_streaming:
            request = call.core.next_message(call.stream)
            if request is None:
                request = await call.whole()
            elif type(request) is not bytes:
                request = await call.unpacked(request)
            if request is None:
                call.end_with(INTERNAL, "the request has no message", ())
                return
            if method.deserialize is not None:
                request = method.deserialize(request)
        if method.sync:
            # It leaves the queue when a thread takes it up.
            await threads.run(call, method, request)
            return
        call.dequeue()
        if method.request_streaming:
            request = call.requests()
        if method.response_streaming:
            await stream(call, method, method.behaviour(request, call))
        else:
            pending = call.answer(await method.behaviour(request, call))
            if pending is not None:
                await pending
    except asyncio.CancelledError:
        # The handler itself, or a task that it waited for, was cancelled.
        call.end_with(CANCELLED, "", ())
    except grpc.aio.AbortError:
        if not call.finished:
            failed(call, RuntimeError("abort of another call"))
    except TercetError as error:
        status = status_of(error)
        call.end_with(status.code.value[0], status.details, status.trailing_metadata)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # A handler's sys.exit() is its own end, not the server's.
        failed(call, error)
        if isinstance(error, GeneratorExit):
            raise
    finally:
        # Whatever failed above.
        call.end_with(UNKNOWN, "", ())
        call.dequeue()
        call.sender.ledger.leave(call)


async def resolved(Call call, dynamic):
    """The method of this very call, found through interceptors; None if that ended the call."""
    try:
        method = await call.sender.server.find(dynamic.path, call)
    except asyncio.CancelledError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Counted under its path, although no method was reached.
        call.tally = call.sender.server.tally(dynamic.path)
        call.end_with(UNKNOWN, said(error), ())
        return None
    if method is None:
        call.end_with(UNIMPLEMENTED, "Method not found!", ())
    return method


async def stream(Call call, Method method, answered):
    if method.generates:
        try:
            async for response in answered:
                call.usable()
                if call.encoding:
                    await call.write_packed(method.serialized(response))
                elif not call.put(method.serialized(response)):
                    await call.drained()
        finally:
            await answered.aclose()
    elif inspect.isawaitable(answered):
        await answered
    call.complete()


cdef str said(error):
    """What a client is told of an exception, in the words of grpc.aio."""
    try:
        return f"Unexpected {type(error)}: {error}"
    except Exception:
        return f"Unexpected {type(error)}"


cdef failed(Call call, error):
    if not call.finished:
        log.error(
            "Unexpected [%s] raised by servicer method [%s]",
            type(error).__name__,
            call.tally.path,
            exc_info=error,
        )
        code = number(call.given_code)
        call.end_with(
            code if code != OK else UNKNOWN,
            said(error),
            call.given_trailing,
        )
