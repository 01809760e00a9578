"""What the client of Spawn sends: input and signals.

Two tasks, so that a signal need not wait for input that the program does not read. How much input
may wait is limited, and with it how much a signal can overtake.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tercet.errors import InvalidArgument
from tercet.executor.execution import Execution
from tercet.executor.pipes import Writer
from tercet.executor.v1 import executor_pb2 as pb

# Chunks of input, the one being written included.
WAITING_CHUNKS = 2


class Inbox:
    """The requests after `start`. Run `obey` and `feed` side by side, once; cancel both at the end.

    Args:
        writer: The program's input; closed here.
    """

    def __init__(
        self, requests: AsyncIterator[pb.SpawnRequest], execution: Execution, writer: Writer
    ) -> None:
        self._requests = requests
        self._execution = execution
        self._writer = writer
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(WAITING_CHUNKS)

    async def obey(self) -> None:
        """Takes the requests until the client half-closes.

        Raises:
            InvalidArgument: The client broke the protocol.
        """
        closed = False
        async for request in self._requests:
            match request.WhichOneof("request"):
                case "stdin":
                    if closed:
                        raise _out_of_order("the input is closed already", "stdin")
                    await self._room.acquire()
                    self._chunks.put_nowait(request.stdin)
                case "close_stdin":
                    closed = True
                    self._chunks.put_nowait(None)
                case "signal":
                    number = request.signal.number
                    if not 1 <= number <= 31:
                        raise InvalidArgument(
                            f"there is no signal {number}",
                            field="signal.number",
                            hint="signals are 1 to 31; kill -l lists them",
                            reason="NO_SUCH_SIGNAL",
                        )
                    self._execution.signal(number)
                case "start":
                    raise _out_of_order("the program is started already", "start")
                case None:
                    raise _out_of_order("the request is empty", "request")
        self._chunks.put_nowait(None)

    async def feed(self) -> None:
        """Writes the input until its end."""
        # After a broken pipe the chunks still flow, into nothing: a signal may be behind them.
        while (chunk := await self._chunks.get()) is not None:
            with contextlib.suppress(BrokenPipeError):
                await self._writer.write(chunk)
            self._room.release()
        self._writer.close()


def _out_of_order(message: str, field: str) -> InvalidArgument:
    return InvalidArgument(
        message,
        field=field,
        hint="send `start` once, then `stdin`, at most one `close_stdin`, and signals",
        reason="OUT_OF_ORDER",
    )
