"""What the workers of a service are to be, by one revision of its configuration and code."""

from __future__ import annotations

from dataclasses import dataclass, field

from tercet.cluster.doors import Doors
from tercet.cluster.life import Starter
from tercet.cluster.spec import ServiceSpec
from tercet.cluster.zygote.starter import Zygote


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    Attributes:
        engine: The rpc engine of its workers.
        doors: What they are connected to by.
        starter: Makes their processes; None for exec.
        zygote: Whose the starter is, if it forks them.
    """

    service: ServiceSpec
    revision: int
    engine: str
    doors: Doors = field(default_factory=Doors)
    starter: Starter | None = None
    zygote: Zygote | None = None

    @property
    def bind(self) -> str:
        """The shared address that workers bind by themselves; "" where they inherit it."""
        return self.doors.to_bind

    @property
    def shown(self) -> str:
        """The address that outsiders are told."""
        return self.doors.shown
