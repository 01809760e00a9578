"""Who is measured by the runtime's report: one process that serves the echo contract.

Its program prints `READY` with its address when it answers calls, and ends by TERM.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import grpc.aio

from benchmarks import certificates
from benchmarks.peers import Running
from benchmarks.process import started

READY = "listening on "
# The argument of a program that has its contract over TLS.
TLS = "tls"
ANY = "127.0.0.1:0"
Pairs = list[tuple[bytes, bytes]]
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


def _alone(pid: int) -> Mapping[str, Sequence[int]]:
    return {"server": [pid]}


@dataclass(frozen=True)
class EchoPeer:
    """Fits `Peer`.

    Attributes:
        key: For the command line.
        program: Installs what is not here yet; raises `benchmarks.install.Missing` if it cannot.
        http1: It speaks HTTP/1.1 instead of gRPC, and answers a POST with its body.
        tls: It speaks TLS, and takes part in the loads that do, and in no others.
        roles: The processes that serve, by the pid of its program.
    """

    key: str
    name: str
    program: Callable[[], Program]
    http1: bool = False
    tls: bool = False
    roles: Callable[[int], Mapping[str, Sequence[int]]] = _alone

    @contextmanager
    def start(self, cpus: set[int]) -> Iterator[Running]:
        program = self.program()
        with started(program.command, cpus=cpus, ready=READY, environ=program.environ) as (
            pid,
            lines,
        ):
            yield Running(lines[-1].removeprefix(READY), self.roles(pid))


def module(name: str, *words: str) -> Callable[[], Program]:
    """A program that is a module of this environment."""
    return lambda: Program([sys.executable, "-m", name, *words])


def bind(server: grpc.aio.Server, credentials: Callable[[Pairs], grpc.ServerCredentials]) -> int:
    """A port, over TLS if the program's argument says so.

    Args:
        credentials: Makes them of pairs of key and chain.
    """
    if sys.argv[1:] == [TLS]:
        return server.add_secure_port(ANY, credentials([certificates.pair()]))
    return server.add_insecure_port(ANY)


def ready(port: int) -> None:
    print(f"{READY}127.0.0.1:{port}", flush=True)
