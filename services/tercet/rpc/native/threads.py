"""Plain functions and generators as handlers: on the server's thread pool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NoReturn

import grpc
import grpc.aio

from tercet.errors import TercetError
from tercet.rpc._call import Call
from tercet.rpc._method import Method
from tercet.rpc.status import status_of

END = object()
UNKNOWN = 2


class SyncContext:
    """What a plain handler sees; the names are those of `grpc.ServicerContext`."""

    def __init__(self, call: Call, loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop
        for name in (
            *("set_trailing_metadata", "trailing_metadata", "invocation_metadata", "set_code"),
            *("code", "set_details", "details", "set_compression", "peer", "peer_identities"),
            *("peer_identity_key", "auth_context", "time_remaining", "cancelled", "done"),
            "disable_next_message_compression",
        ):
            setattr(self, name, getattr(call, name))

    def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        if trailing_metadata:
            self._call.set_trailing_metadata(trailing_metadata)
        self._call.set_code(code)
        self._call.set_details(details or self._call.details())
        raise grpc.aio.AbortError("Locally aborted.")

    def abort_with_status(self, status: grpc.Status) -> NoReturn:
        self.abort(status.code, status.details, status.trailing_metadata)

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        asyncio.run_coroutine_threadsafe(
            self._call.send_initial_metadata(initial_metadata), self._loop
        ).result()

    def add_callback(self, callback: Any) -> bool:
        self._call.add_done_callback(lambda _: callback())
        return True

    def is_active(self) -> bool:
        return not self._call.done()

    def requests(self) -> Iterator[Any]:
        while True:
            message = asyncio.run_coroutine_threadsafe(self._call.read(), self._loop).result()
            if message is grpc.aio.EOF:
                return
            yield message


class _Turn:
    """A handler that waits for a thread.

    An executor forgets nothing that it was given: a call that ends before its turn stays in the
    queue, without its request, until a thread comes to it.
    """

    __slots__ = ("_call", "_work")

    def __init__(self, call: Call, method: Method, given: Any, context: SyncContext) -> None:
        self._call = call
        self._work: tuple[Any, ...] | None = (method.behaviour, given, context)
        call.hand_over()

    def __call__(self) -> Any:
        """On its thread."""
        self._call.taken_up()
        work, self._work = self._work, None
        if work is None:
            return None
        behaviour, given, context = work
        return behaviour(given, context)

    async def answer(self, loop: asyncio.AbstractEventLoop) -> Any:
        try:
            answered = loop.run_in_executor(self._call.pool, self)
        except BaseException:
            # The executor is shut down.
            self._call.taken_up()
            raise
        answered.add_done_callback(self._over)
        try:
            await asyncio.wait([answered])
        except asyncio.CancelledError:
            self._work = None
            raise
        return answered.result()

    def _over(self, answered: asyncio.Future[Any]) -> None:
        """Also if the executor has thrown it away; nobody may want to know how it went."""
        self._call.taken_up()
        if not answered.cancelled():
            answered.exception()


async def run(call: Call, method: Method, request: Any) -> None:
    """Runs a plain handler to its end."""
    loop = asyncio.get_running_loop()
    context = SyncContext(call, loop)
    given = context.requests() if method.request_streaming else request
    try:
        answer = await _Turn(call, method, given, context).answer(loop)
        if not method.response_streaming:
            if (pending := call.answer(answer)) is not None:
                await pending
            return
        responses = iter(answer or ())
        while (response := await loop.run_in_executor(call.pool, next, responses, END)) is not END:
            await call.write(response)
    except grpc.aio.AbortError:
        call.finish(call.status or UNKNOWN, call.details(), call.trailing_metadata())
        return
    except TercetError as error:
        status = status_of(error)
        call.finish(status.code.value[0], status.details, status.trailing_metadata)
        return
    call.complete()
