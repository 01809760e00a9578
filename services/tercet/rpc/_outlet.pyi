"""The way out of a connection: straight into the socket, or through its transport."""

import asyncio
from typing import final

@final
class Buffers:
    """What a process reads into and writes from: one connection at a time, and always the same."""

    def __new__(cls) -> Buffers: ...

@final
class Outlet:
    """Of one transport, which nobody else may write to."""

    def __new__(cls, transport: asyncio.Transport) -> Outlet: ...
