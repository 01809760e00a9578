"""The sending half of a connection."""

import asyncio
from typing import Any, final

from typing_extensions import disjoint_base

from tercet.rpc._connection import Connection
from tercet.rpc._ledger import Ledger
from tercet.rpc._limits import Limits

@final
class Buffers:
    """What a server reads into and writes from: one connection at a time, and always the same."""

    def __new__(cls) -> Buffers: ...

@disjoint_base
class Sender:
    """Base of the protocol, which sets its attributes."""

    @property
    def core(self) -> Connection: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def peer(self) -> str: ...
    @property
    def identity(self) -> Any: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def server(self) -> Any: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def encoding(self) -> int: ...
    def flush(self) -> None: ...
    def linger(self, before: int) -> None: ...
