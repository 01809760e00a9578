"""What a server weighs, and what idle connections add to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks import connections, trial
from benchmarks.cases import UNARY
from benchmarks.memory import weigh
from benchmarks.peers.echo import EchoPeer
from benchmarks.trial import Cpus

# Fewer than fit into 1024 descriptors, which is the usual limit of a process.
CONNECTIONS = 900
# Until a server has accepted all, and its memory stands.
SETTLE = 1.0
# Of the seconds of a warm-up.
WARM_UP = 0.5


@dataclass(frozen=True)
class Footprint:
    """Of a process that has answered calls.

    Attributes:
        process: MiB, RSS without connections.
        connection: KiB that each idle connection adds to it.
    """

    process: float
    connection: float


def measure(peer: EchoPeer, cpus: Cpus) -> Footprint:
    """Starts it alone, so that nobody shares its pages.

    Raises:
        benchmarks.process.NotReady: It does not start.
        ConnectionError: It closed a connection.
    """
    with peer.start(cpus.tested) as running:
        load = UNARY.load_of(peer.http1)
        assert load is not None
        trial.warm_up(load, running, cpus, WARM_UP)
        (pid,) = running.processes["server"]
        time.sleep(SETTLE)
        before = weigh(pid).rss
        with connections.idle(running.address, CONNECTIONS, http1=peer.http1):
            time.sleep(SETTLE)
            after = weigh(pid).rss
    return Footprint(before, (after - before) * 1024 / CONNECTIONS)
