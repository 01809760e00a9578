"""One load against one peer: what it reached, and what it cost.

A run in which other programs had too much of the CPU is made again; then the least disturbed one
stands. What it measured has no say in that.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from benchmarks import cpu, load
from benchmarks.peers import Peer, Running
from benchmarks.rounds import percentile

WARM_UP = 1.0
HALF = 0.5
# The share of other programs above which a run is made again, and how many runs there are at most.
QUIET = 0.05
ATTEMPTS = 2

AnyPeer = TypeVar("AnyPeer", bound=Peer)


@dataclass(frozen=True)
class Measured:
    """One run of a load against one peer.

    Attributes:
        rate: What was counted, per second: calls, messages, MiB.
        cost: CPU microseconds of each role, per one of these.
        p50, p99: Latency of a call in milliseconds.
        generator_share: See `load.Result`; with it the time of what the peer stands before.
        disturbance: Share of the measured CPUs' time that other programs had; of the load's too,
            where what the peer stands before is there.
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


# By the name of the peer, one per round.
Runs = dict[str, list[Measured]]
# What a run has done, from what h2load counted; raises LoadError if calls had no answer.
Count = Callable[[load.Counts], float]


@contextmanager
def all_started(
    peers: Sequence[AnyPeer], cpus: set[int]
) -> Iterator[list[tuple[AnyPeer, Running]]]:
    with ExitStack() as stack:
        yield [(peer, stack.enter_context(peer.start(cpus))) for peer in peers]


def calls(counts: load.Counts, answer: int) -> float:
    """Calls, each of which was answered by one message.

    Args:
        answer: Bytes of the message on the wire, with its prefix.

    Raises:
        load.LoadError: One was not.
    """
    if counts.data < counts.calls * answer:
        unanswered = counts.calls - counts.data / answer
        raise load.LoadError(f"{unanswered:.0f} of {counts.calls} calls had no answer")
    return counts.calls


def messages(counts: load.Counts, answer: int) -> float:
    """Messages of streams, those of unfinished ones too."""
    return counts.data / answer


def half(what: load.Load, saturated: Measured) -> load.Load:
    """The load at half of the rate that was reached."""
    return replace(what, rate=saturated.rate * HALF)


def warm_up(what: load.Load, running: Running, cpus: Cpus, scale: float) -> None:
    # A peer that fails will fail in the run that follows; one may only be slow.
    with suppress(load.LoadError):
        load.run(replace(what, seconds=WARM_UP * scale), running.address, cpus.load)


def run(
    what: load.Load, running: Running, cpus: Cpus, count: Count, scale: float = 1.0
) -> Measured:
    """Measures, twice if disturbed.

    Args:
        scale: Factor on the load's duration.

    Raises:
        load.LoadError: Calls failed.
    """
    what = replace(what, seconds=what.seconds * scale)
    runs: list[Measured] = []
    while len(runs) < ATTEMPTS and not any(found.disturbance <= QUIET for found in runs):
        runs.append(_run_once(what, running, cpus, count))
    return min(runs, key=lambda found: found.disturbance)


def persistent(run: Callable[[], Measured], name: str, failures: list[str]) -> Measured:
    """Makes a run again that failed, once, and tells.

    Args:
        run: As `run`, of the peer with this name.
        failures: Told of it.

    Raises:
        load.LoadError: Calls failed in both.
    """
    try:
        return run()
    except load.LoadError as error:
        failures.append(f"{name}: {error}")
        return run()


def _run_once(what: load.Load, running: Running, cpus: Cpus, count: Count) -> Measured:
    # What stands behind shares the load's CPUs, and whoever else is there slows it down.
    watched = cpus.tested | cpus.load if running.behind else cpus.tested
    busy_before, mine_before = cpu.busy(watched), _mine()
    before = {role: cpu.used(pids) for role, pids in running.processes.items()}
    behind_before = cpu.used(running.behind)
    result = load.run(what, running.address, cpus.load)
    spent = {role: cpu.used(pids) - before[role] for role, pids in running.processes.items()}
    behind = cpu.used(running.behind) - behind_before
    busy = cpu.busy(watched) - busy_before
    generator_share = result.generator_share + behind / (result.seconds * 1e6)
    own = sum(spent.values())
    if cpus.load <= watched:
        own += generator_share * result.seconds * 1e6
    if running.behind:
        own += _mine() - mine_before
    counted = count(result.counts)
    return Measured(
        rate=counted / result.counts.seconds,
        cost={role: time / counted for role, time in spent.items()},
        p50=percentile(result.latencies, 50) / 1e3,
        p99=percentile(result.latencies, 99) / 1e3,
        generator_share=generator_share,
        # Both are counted in ticks, so the difference may be a little below zero.
        disturbance=max(0.0, (busy - own) / (result.seconds * 1e6 * len(watched))),
    )


def _mine() -> float:
    """CPU microseconds of this process, which reads what h2load has written."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6
