"""Who is measured. A peer is one small file here with one class, or object, that fits `Peer`.

Every peer serves the same contract on a port of loopback, in plaintext or, some of them, over TLS:
the greeter of examples/greeter for the gateway's report, benchmarks/echo for the others'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Running:
    """A peer that answers calls.

    Attributes:
        address: "host:port" to call.
        processes: The pids of each role: "server", "worker", "gateway", ...
        greeters: The pids among them that answer SayHello, if they do.
        behind: The pids of what it stands before, on the CPUs of the load: their time counts as the
            load generator's.
    """

    address: str
    processes: Mapping[str, Sequence[int]]
    greeters: Sequence[int] = ()
    behind: Sequence[int] = ()


class Peer(Protocol):
    @property
    def name(self) -> str:
        """As the report names it."""

    def start(self, cpus: set[int]) -> AbstractContextManager[Running]:
        """Runs it on these CPUs alone, from ready to ended.

        Raises:
            benchmarks.process.NotReady: It does not start.
        """
