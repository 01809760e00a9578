"""A Tercet worker called straight, without the gateway, on the port that workers share."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.mesh import serving
from benchmarks.peers import Running


@dataclass(frozen=True)
class Worker:
    name: str = "straight to a worker"
    engine: str = "grpcio"

    def start(self, cpus: set[int]) -> AbstractContextManager[Running]:
        return serving(workers=1, gateway=False, cpus=cpus, engine=self.engine)


NATIVE = Worker("straight to a worker, native engine", "native")
