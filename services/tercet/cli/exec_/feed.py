"""Standard input, read in a daemon thread.

An event loop cannot watch a regular file (epoll refuses it), and a thread of asyncio's own pool
would hold the exit until the next line comes, although the program has long ended.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError

PIECE = 64 * 1024


async def feed(descriptor: int, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Passes on what is read until the end; reads no further while `write` waits."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)

    def read() -> None:
        piece = b"."
        while piece:
            piece = os.read(descriptor, PIECE)
            putting = pieces.put(piece)
            try:
                asyncio.run_coroutine_threadsafe(putting, loop).result()
            except (RuntimeError, CancelledError):
                # The loop is closed: nobody wants the rest.
                putting.close()
                return

    threading.Thread(target=read, name="tercet-stdin", daemon=True).start()
    while piece := await pieces.get():
        await write(piece)
