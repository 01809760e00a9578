"""Tercet's gateway alone, as a user starts it: supervised, with one process of the gateway."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks import install, ports
from benchmarks.mesh import READY, TERCET
from benchmarks.peers import Running
from benchmarks.peers.proxy import Tool
from benchmarks.process import started
from tercet.cli.workers import list_workers


@dataclass(frozen=True)
class Gateway:
    """Fits `Proxy`."""

    key: str = "tercet"
    name: str = "Tercet gateway"

    def tool(self) -> Tool:
        install.run([str(TERCET), "gateway", "--help"])
        return Tool(str(TERCET), f"Tercet {version('tercet')}")

    @contextmanager
    def serve(self, backend: int, cpus: set[int]) -> Iterator[Running]:
        address = f"{ports.HOST}:{ports.free_port()}"
        upstream = f"static:///{ports.HOST}:{backend}"
        command = [str(TERCET), "gateway", "--workers", "1", "--upstream", upstream]
        command += ["--bind", address]
        with tempfile.TemporaryDirectory(prefix="tercet-bench-") as folder:
            environ = {"TERCET_RUNTIME_DIR": folder}
            with started(command, cpus=cpus, ready=READY, environ=environ) as (supervisor, _):
                roles: dict[str, list[int]] = defaultdict(list)
                for worker in list_workers(Path(folder) / str(supervisor)):
                    roles[worker.service].append(worker.pid)
                roles["supervisor"].append(supervisor)
                yield Running(address, dict(roles))


PROXY = Gateway()
