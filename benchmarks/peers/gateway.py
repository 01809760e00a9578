"""The Tercet gateway in front of its workers."""

from __future__ import annotations

from contextlib import AbstractContextManager

from benchmarks.mesh import serving
from benchmarks.peers import Running


class Gateway:
    """Args:
    workers: Processes of the greeter behind it.
    """

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self.name = f"through the gateway, {workers} worker{'s' if workers > 1 else ''}"

    def start(self, cpus: set[int]) -> AbstractContextManager[Running]:
        return serving(workers=self._workers, gateway=True, cpus=cpus)
