"""A Tercet worker called straight, without the gateway, on the port that workers share."""

from __future__ import annotations

from contextlib import AbstractContextManager

from benchmarks.mesh import serving
from benchmarks.peers import Running


class Worker:
    name = "straight to a worker"

    def start(self, cpus: set[int]) -> AbstractContextManager[Running]:
        return serving(workers=1, gateway=False, cpus=cpus)
