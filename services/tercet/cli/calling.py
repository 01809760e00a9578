"""Runs the calls of a verb on an event loop of their own."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tercet.errors import InvalidArgument, TercetError

if TYPE_CHECKING:
    from tercet.client import Client

T = TypeVar("T")

# Of protobuf: https://protobuf.dev/programming-guides/proto-limits/
LARGEST_MESSAGE = 2**31 - 1
RAISE_LIMIT = "raise max_message_bytes of the service and of the gateway"


def call(address: str, calls: Callable[[Client], Awaitable[T]], *, smaller: str = "send less") -> T:
    """Connects, makes the calls, and closes the connection.

    Ctrl-C cancels the call that is under way, here and on the server, and raises
    KeyboardInterrupt (asyncio.Runner's handling of SIGINT).

    Args:
        smaller: What the user may do if a message is too large.
    """
    hush()
    import asyncio

    from tercet.client import connect

    async def connected() -> T:
        # The server's limits are its own, and its refusal names them.
        async with connect(address, max_send_bytes=LARGEST_MESSAGE, max_receive_bytes=-1) as client:
            return await calls(client)

    try:
        return asyncio.run(connected())
    except TercetError as error:
        if error.reason == "MESSAGE_TOO_LARGE":
            hint = f"{smaller}, or {RAISE_LIMIT}"
            raise InvalidArgument(error.message, hint=hint, reason=error.reason) from error
        raise


def hush() -> None:
    """Keeps gRPC's own log, such as that of a lost connection, off the user's terminal.

    To be called before grpc is imported, and not by `tercet up`, whose workers would inherit it.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
