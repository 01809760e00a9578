"""What all connections and calls of one gateway process share."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

from typing_extensions import disjoint_base

from tercet.gateway._region import Region
from tercet.gateway._wheel import Wheel
from tercet.rpc._limits import Limits

_Record: TypeAlias = tuple[float, str, str, int, str, str, str, float, float, int, int, int]

@disjoint_base
class Plane:
    """Belongs to the loop that it is made on.

    Args:
        region: Where all gateways count.
        failures: Makes the trailers of a failure: `failures(reason, facts, code)`, the code -1 for
            the reason's own.
        limits: What endpoints may do.
        window: Bytes of a stream's receive window on connections to endpoints.
        seed: Of what is drawn.
    """

    not_logged: int

    def __new__(
        cls,
        region: Region,
        failures: Callable[[int, dict[str, str], int], list[tuple[bytes, bytes]]],
        *,
        limits: Limits,
        window: int = ...,
        seed: int = ...,
    ) -> Plane: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def region(self) -> Region: ...
    @property
    def wheel(self) -> Wheel: ...
    @property
    def limits(self) -> Limits: ...
    def log_calls(self, rate: float) -> None: ...
    def take_log(self) -> list[_Record]: ...
    def statistics(self) -> dict[str, Any]: ...
    def close(self) -> None: ...
