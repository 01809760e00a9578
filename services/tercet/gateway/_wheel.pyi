"""Deadlines on a hashed timing wheel: nearly every call has one, and nearly none reaches it."""

import asyncio
from typing import Any

from typing_extensions import disjoint_base

from tercet.rpc._carrier import Carrier

@disjoint_base
class Timed(Carrier):
    """Something with a deadline."""

@disjoint_base
class Wheel:
    """Of one loop, to which it belongs."""

    def __new__(cls, loop: asyncio.AbstractEventLoop) -> Wheel: ...
    def __len__(self) -> int: ...
    def turn(self) -> None: ...
    def close(self) -> None: ...

log: Any
