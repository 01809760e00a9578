"""A program with its streams live.

Theory of operation: entering the context starts the call and waits for the first response, so
that a refusal is raised there. It is `started`, or, of a program that cannot be started, already
the outcome, which is kept for the reader. Then the caller reads events at its own pace; one that
stops reading makes the program block, since neither side buffers. Writes may run beside the
reading, and must where the program answers before its input ends. Leaving the context early
cancels the call, and the server kills the program.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Any, Protocol, Self

import grpc
import grpc.aio

from tercet.client.errors import CallError, translated
from tercet.client.events import Event, from_response
from tercet.client.outcome import Outcome
from tercet.client.peer import Peer
from tercet.errors import TercetError
from tercet.executor.v1 import executor_pb2

# Throughput of grpc's Python streams is best between 256 KiB and 1 MiB; smaller pieces let a
# signal pass sooner.
_PIECE = 256 * 1024
_ENTER_FIRST = "enter it first: `async with client.executor.spawn(...) as run:`"


class SpawnMethod(Protocol):
    """`Spawn` of the async stub."""

    def __call__(self) -> grpc.aio.StreamStreamCall[Any, executor_pb2.SpawnResponse]: ...


class Spawned:
    """A running program: an async context manager, and an async iterator of its events.

    Made by `client.executor.spawn`. One task may iterate; `write`, `close_stdin` and `signal` may
    be called from any task of the same event loop.

    Attributes:
        pid: Process id on the server, for display; 0 before it was started, or if it never was.
        outcome: How it ended; None until the last event was read.
    """

    def __init__(self, method: SpawnMethod, start: executor_pb2.Start, peer: Peer) -> None:
        self.pid = 0
        self.outcome: Outcome | None = None
        self._method = method
        self._start = start
        self._peer = peer
        self._call: grpc.aio.StreamStreamCall[Any, executor_pb2.SpawnResponse] | None = None
        self._messages: AsyncIterator[executor_pb2.SpawnResponse] | None = None
        # Only what is not `started`: the whole answer of a program that could not be started.
        self._first: executor_pb2.SpawnResponse | None = None
        # gRPC takes one write at a time.
        self._writing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._call = self._method()
        self._messages = aiter(self._call)
        try:
            with translated(self._peer.address):
                await self._call.write(executor_pb2.SpawnRequest(start=self._start))
            response = await self._receive()
        except BaseException:
            await self._end()
            raise
        if response is not None and response.HasField("started"):
            self.pid = response.started.pid
        else:
            self._first = response
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while self.outcome is None:
            response, self._first = self._first or await self._receive(), None
            if response is None:
                raise TercetError("the stream ended before the program did")
            event = from_response(response)
            if isinstance(event, Outcome):
                self.outcome = event
            if event is not None:
                return event
        try:
            # Reading to the status lets the call end by itself instead of being cancelled.
            await self._receive()
        except CallError as error:
            # What grpc.aio makes of the status when a write met the end of the call.
            if error.code is not grpc.StatusCode.INTERNAL:
                raise
        raise StopAsyncIteration

    async def wait(self) -> Outcome:
        """Reads and drops all events that are left, and returns how the program ended."""
        async for _ in self:
            continue
        assert self.outcome is not None
        return self.outcome

    async def write(self, data: bytes) -> None:
        """Sends bytes to the program's input; waits while the server has no room for them.

        Raises:
            BrokenPipeError: The program has ended, or the call was lost; reading tells which.
        """
        view = memoryview(data).cast("B")
        for offset in range(0, len(view), _PIECE):
            piece = bytes(view[offset : offset + _PIECE])
            await self._send(executor_pb2.SpawnRequest(stdin=piece))

    async def close_stdin(self) -> None:
        """Ends the program's input. Signals may still be sent. Errors are those of `write`."""
        await self._send(executor_pb2.SpawnRequest(close_stdin=executor_pb2.CloseStdin()))

    async def signal(self, number: int) -> None:
        """Sends a signal, 1 to 31, to the program and its process group.

        Errors are those of `write`.
        """
        signal = executor_pb2.Signal(number=number)
        await self._send(executor_pb2.SpawnRequest(signal=signal))

    async def _send(self, request: executor_pb2.SpawnRequest) -> None:
        if self._call is None:
            raise RuntimeError(_ENTER_FIRST)
        async with self._writing:
            if self.outcome is not None:
                raise BrokenPipeError("the program has ended")
            try:
                await self._call.write(request)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
                # Why it ended is for the reader: a write that fails knows only that it failed.
                raise BrokenPipeError("the program has ended, or the call was lost") from error

    async def _receive(self) -> executor_pb2.SpawnResponse | None:
        # By iteration: read() gives up what has arrived once a write has met the end of the call.
        if self._messages is None:
            raise RuntimeError(_ENTER_FIRST)
        with translated(self._peer.address):
            return await anext(self._messages, None)

    async def _end(self) -> None:
        if self._call is not None:
            # Does nothing to a call that is over.
            self._call.cancel()
        if isinstance(self._messages, AsyncGenerator):
            # RuntimeError: another task is reading; the cancelled call ends it.
            with contextlib.suppress(RuntimeError):
                await self._messages.aclose()
