"""What is done at the end of a turn of the loop."""

import asyncio
from typing import Any

from typing_extensions import disjoint_base

log: Any

@disjoint_base
class Turn:
    """Of one loop, to which it belongs."""

    def __new__(cls, loop: asyncio.AbstractEventLoop) -> Turn: ...
    def end(self) -> None: ...
