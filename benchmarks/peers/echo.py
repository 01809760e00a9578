"""Who is measured by the runtime's report: one process that serves the echo contract.

Its program prints `READY` with its address when it answers calls, and ends by TERM.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.peers import Running
from benchmarks.process import started

READY = "listening on "
# For every peer's messages, both ways: -1 is gRPC's word for as long as they are.
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True)
class Program:
    """How to run a peer.

    Attributes:
        versions: For the report.
        environ: Added to the environment.
    """

    command: Sequence[str]
    versions: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EchoPeer:
    """Fits `Peer`.

    Attributes:
        key: For the command line.
        program: Installs what is not here yet; raises `benchmarks.install.Missing` if it cannot.
        http1: It speaks HTTP/1.1 instead of gRPC, and answers a POST with its body.
    """

    key: str
    name: str
    program: Callable[[], Program]
    http1: bool = False

    @contextmanager
    def start(self, cpus: set[int]) -> Iterator[Running]:
        program = self.program()
        with started(program.command, cpus=cpus, ready=READY, environ=program.environ) as (
            pid,
            lines,
        ):
            yield Running(lines[-1].removeprefix(READY), {"server": [pid]})


def module(name: str) -> Callable[[], Program]:
    """A program that is a module of this environment."""
    return lambda: Program([sys.executable, "-m", name])


def ready(port: int) -> None:
    print(f"{READY}127.0.0.1:{port}", flush=True)
