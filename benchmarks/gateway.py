"""What a gateway and a worker cost beside bare grpc.aio: the same servicer under the same load."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from benchmarks import cpu, greetings, load
from benchmarks.memory import Weight, weigh
from benchmarks.peers import Peer, Running
from benchmarks.peers.bare_grpc_aio import BareGrpcAio
from benchmarks.peers.gateway import Gateway
from benchmarks.peers.worker import NATIVE, Worker
from benchmarks.rounds import interleave, percentile

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
WARM_UP = 1.0
HALF = 0.5
# A run in which other programs had more of the CPU than this share is made again, so often; then
# the least disturbed one stands. What it measured has no say in that.
QUIET = 0.05
ATTEMPTS = 2


@dataclass(frozen=True)
class Measured:
    """One run of a load against one peer.

    Attributes:
        rate: Calls per second; of streams, messages per second.
        cost: CPU microseconds of each role, per call or message.
        p50, p99: Latency of a call in milliseconds.
        generator_share: See `load.Result`.
        disturbance: Share of the measured CPUs' time that other programs had.
    """

    rate: float
    cost: Mapping[str, float]
    p50: float
    p99: float
    generator_share: float
    disturbance: float

    @property
    def total_cost(self) -> float:
        return sum(self.cost.values())


@dataclass(frozen=True)
class Cpus:
    """Where the peers run, and where the load generator: apart, or both on all."""

    tested: set[int]
    load: set[int]


Runs = dict[str, list[Measured]]
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
    with _all_started(PEERS, apart.tested) as peers:
        for number, (name, running) in interleave(peers, rounds):
            saturated = _saturate(running, apart, scale)
            half = replace(UNARY, rate=saturated.rate * HALF)
            outcome.saturated[name].append(saturated)
            outcome.half[name].append(_run(half, running, apart, scale))
            outcome.stream[name].append(_run(STREAM, running, apart, scale))
            say(f"round {number + 1}: {name}: {saturated.rate:.0f} calls/s")
    with _all_started(SCALE, usable) as peers:
        for number, (name, running) in interleave(peers, rounds):
            saturated = _saturate(running, together, scale)
            outcome.scale[name].append(saturated)
            say(f"round {number + 1}, all CPUs: {name}: {saturated.rate:.0f} calls/s")
    return outcome


@contextmanager
def _all_started(peers: Sequence[Peer], cpus: set[int]) -> Iterator[list[tuple[str, Running]]]:
    with ExitStack() as stack:
        yield [(peer.name, stack.enter_context(peer.start(cpus))) for peer in peers]


def _weights(running: Running) -> dict[str, Weight]:
    return {role: weigh(pids[0]) for role, pids in running.processes.items()}


def _saturate(running: Running, cpus: Cpus, scale: float) -> Measured:
    _run_once(replace(UNARY, seconds=WARM_UP), running, cpus, scale)
    return _run(UNARY, running, cpus, scale)


def _run(what: load.Load, running: Running, cpus: Cpus, scale: float) -> Measured:
    runs: list[Measured] = []
    while len(runs) < ATTEMPTS and not any(run.disturbance <= QUIET for run in runs):
        runs.append(_run_once(what, running, cpus, scale))
    return min(runs, key=lambda run: run.disturbance)


def _run_once(what: load.Load, running: Running, cpus: Cpus, scale: float) -> Measured:
    seconds = what.seconds * scale
    busy_before = cpu.busy(cpus.tested)
    before = {role: cpu.used(pids) for role, pids in running.processes.items()}
    result = load.run(replace(what, seconds=seconds), running.address, cpus.load)
    spent = {role: cpu.used(pids) - before[role] for role, pids in running.processes.items()}
    busy = cpu.busy(cpus.tested) - busy_before
    own = sum(spent.values())
    if cpus.tested == cpus.load:
        own += result.generator_share * seconds * 1e6
    messages = result.counts.data / greetings.response_size(running.greeters)
    if what.path == greetings.STREAM:
        count = messages
    else:
        count = result.counts.calls
        if messages < count:
            raise load.LoadError(f"{count - messages:.0f} of {count} calls had no answer")
    return Measured(
        rate=count / seconds,
        cost={role: time / count for role, time in spent.items()},
        p50=percentile(result.latencies, 50) / 1e3,
        p99=percentile(result.latencies, 99) / 1e3,
        generator_share=result.generator_share,
        # Both are counted in ticks, so the difference may be a little below zero.
        disturbance=max(0.0, (busy - own) / (seconds * 1e6 * len(cpus.tested))),
    )
