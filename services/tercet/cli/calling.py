"""Runs the calls of a verb on an event loop of their own."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tercet.client import Client

T = TypeVar("T")


def call(address: str, calls: Callable[[Client], Awaitable[T]]) -> T:
    """Connects, makes the calls, and closes the connection.

    Ctrl-C cancels the call that is under way, here and on the server, and raises
    KeyboardInterrupt (asyncio.Runner's handling of SIGINT).
    """
    # Here and not in main(): `tercet up` must not hand it on to its workers.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    import asyncio

    from tercet.client import connect

    async def connected() -> T:
        async with connect(address) as client:
            return await calls(client)

    return asyncio.run(connected())
