"""What the workers of a service are to be, by one revision of its configuration and code."""

from __future__ import annotations

from dataclasses import dataclass

from tercet.cluster.life import Starter
from tercet.cluster.spec import ServiceSpec


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    Attributes:
        engine: The rpc engine of its workers.
        bind: The shared address that workers bind by themselves; "" where they inherit it.
        shown: The address that outsiders are told.
        starter: Makes their processes; None for exec.
    """

    service: ServiceSpec
    revision: int
    engine: str
    bind: str = ""
    shown: str = ""
    starter: Starter | None = None
