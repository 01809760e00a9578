"""`tercet serve examples.greeter:register`, as a user starts it."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import Running
from benchmarks.process import started
from tercet.cli.workers import list_workers

TERCET = Path(sys.executable).with_name("tercet")
READY = "Ctrl-C stops it."
ANY_PORT = "127.0.0.1:0"


@contextmanager
def serving(
    *, workers: int, gateway: bool, cpus: set[int], engine: str = "grpcio"
) -> Iterator[Running]:
    """The greeter's mesh; its address is the gateway's, or without one the shared port."""
    command = [str(TERCET), "serve", "examples.greeter:register", "--bind", ANY_PORT]
    command += ["--workers", str(workers), "--engine", engine]
    if gateway:
        command += ["--gateway", ANY_PORT]
    with tempfile.TemporaryDirectory(prefix="tercet-bench-") as folder:
        environ = {"TERCET_RUNTIME_DIR": folder}
        with started(command, cpus=cpus, ready=READY, environ=environ) as (supervisor, _):
            roles: dict[str, list[int]] = defaultdict(list)
            address = ""
            for worker in list_workers(Path(folder) / str(supervisor)):
                role = "worker" if worker.service == "greeter" else worker.service
                roles[role].append(worker.pid)
                if role == ("gateway" if gateway else "worker"):
                    address = worker.bind
            roles["supervisor"].append(supervisor)
            yield Running(address, dict(roles), roles["worker"])
