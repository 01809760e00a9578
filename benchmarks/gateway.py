"""What a gateway and a worker cost beside bare grpc.aio: the same servicer under the same load."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks import cpu, greetings, load, trial
from benchmarks.memory import Weight, weigh
from benchmarks.peers import Peer, Running
from benchmarks.peers.bare_grpc_aio import BareGrpcAio
from benchmarks.peers.gateway import Gateway
from benchmarks.peers.worker import NATIVE, Worker
from benchmarks.rounds import interleave
from benchmarks.trial import Cpus, Measured, Runs

PEERS: tuple[Peer, ...] = (BareGrpcAio(), Worker(), Gateway(), NATIVE)
SCALE: tuple[Peer, ...] = (Gateway(1), Gateway(2))

UNARY = load.Load(
    path=greetings.UNARY,
    body=greetings.unary_request(),
    connections=10,
    in_flight=10,
    seconds=4.0,
)
# Long enough that the start of a call is lost in it, short enough that many end in a round.
STREAM_LENGTH = 500
STREAM = load.Load(
    path=greetings.STREAM,
    body=greetings.stream_request(STREAM_LENGTH),
    connections=4,
    in_flight=1,
    seconds=3.0,
)

Weights = dict[str, dict[str, Weight]]


@dataclass
class Outcome:
    """Runs by the name of the peer, one per round.

    Attributes:
        cpus: CPUs of the machine, all used by `scale`.
    """

    cpus: int
    saturated: Runs = field(default_factory=lambda: defaultdict(list))
    half: Runs = field(default_factory=lambda: defaultdict(list))
    stream: Runs = field(default_factory=lambda: defaultdict(list))
    scale: Runs = field(default_factory=lambda: defaultdict(list))
    idle: Weights = field(default_factory=dict)


def measure(rounds: int, scale: float, say: Callable[[str], None]) -> Outcome:
    """Runs everything: with a scale of 1 about 60 seconds per round, twice that if disturbed.

    Args:
        scale: Factor on the duration of each run.
        say: Told what was measured.

    Raises:
        ValueError: The machine has one CPU.
        load.LoadError: Calls failed.
        benchmarks.process.NotReady: A peer does not start.
    """
    usable = os.sched_getaffinity(0)
    apart, together = Cpus(*cpu.split(usable)), Cpus(usable, usable)
    outcome = Outcome(len(usable))
    for peer in PEERS:
        # Alone: pages are shared with whoever else runs.
        with peer.start(apart.tested) as running:
            outcome.idle[peer.name] = _weights(running)
    with trial.all_started(PEERS, apart.tested) as peers:
        for number, (peer, running) in interleave(peers, rounds):
            saturated = _saturate(running, apart, scale)
            half = trial.half(UNARY, saturated)
            outcome.saturated[peer.name].append(saturated)
            outcome.half[peer.name].append(_run(half, running, apart, scale))
            outcome.stream[peer.name].append(_run(STREAM, running, apart, scale))
            say(f"round {number + 1}: {peer.name}: {saturated.rate:.0f} calls/s")
    with trial.all_started(SCALE, usable) as peers:
        for number, (peer, running) in interleave(peers, rounds):
            saturated = _saturate(running, together, scale)
            outcome.scale[peer.name].append(saturated)
            say(f"round {number + 1}, all CPUs: {peer.name}: {saturated.rate:.0f} calls/s")
    return outcome


def _weights(running: Running) -> dict[str, Weight]:
    return {role: weigh(pids[0]) for role, pids in running.processes.items()}


def _saturate(running: Running, cpus: Cpus, scale: float) -> Measured:
    trial.warm_up(UNARY, running, cpus, scale)
    return _run(UNARY, running, cpus, scale)


def _run(what: load.Load, running: Running, cpus: Cpus, scale: float) -> Measured:
    count = trial.messages if what is STREAM else trial.calls
    answer = greetings.response_size(running.greeters)
    return trial.run(what, running, cpus, lambda counts: count(counts, answer), scale)
