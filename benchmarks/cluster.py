"""What supervision costs and loses: `tercet serve` beside Node's cluster and ASGI servers.

Each is alone on all the CPUs while it is measured, and so is its load: a supervisor with two
workers needs more than one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import greetings, trial
from benchmarks.callers import Door, Tally, calling, probe, workers
from benchmarks.install import Missing
from benchmarks.load import Load
from benchmarks.memory import weigh
from benchmarks.peers import Running, asgi_servers, node_cluster, tercet_serve
from benchmarks.peers.supervised import COMPUTE, WAIT, Supervised
from benchmarks.process import NotReady, descendants
from benchmarks.rounds import interleave
from benchmarks.trial import Cpus, Measured
from benchmarks.wire.http1 import Http1

PEERS: tuple[Supervised, ...] = (
    tercet_serve.STRAIGHT,
    tercet_serve.GATEWAY,
    tercet_serve.PRELOADED,
    node_cluster.PEER,
    asgi_servers.GUNICORN,
    asgi_servers.UVICORN,
    asgi_servers.GRANIAN,
)
WORKERS = 2
# What is measured, by the keys of the command line; the start comes with each.
MEMORY, KILL, RELOAD, SCALING = KEYS = ("memory", "kill", "reload", "scaling")
RELOADS = 2
# Seconds that anything may take which is waited for: a start, a successor, a reload.
PATIENCE = 60.0
# Seconds until the memory of a worker that has started stands.
SETTLE = 1.0
# Seconds in which no process has come or gone, before a reload and at the end of the last: gateways
# may be replaced when the workers are.
CALM = 1.0
PAUSE = 0.01
CONNECTIONS = 32
SECONDS = 2.0


@dataclass(frozen=True)
class Weights:
    """In MiB, of pages that no other process has.

    Attributes:
        worker: Median of the workers.
        whole: All processes together, the supervisor's too.
    """

    worker: float
    whole: float


@dataclass(frozen=True)
class Reloads:
    """Of one round.

    Attributes:
        calls: What has become of them.
        count: So many reloads.
        seconds: Until no worker of the old ones was left, median.
    """

    calls: Tally
    count: int
    seconds: float

    @property
    def lost(self) -> float:
        """Calls per reload."""
        return self.calls.lost.total() / self.count


@dataclass(frozen=True)
class Scaling:
    """Throughput of one worker, and of two."""

    one: Measured
    two: Measured


@dataclass
class Findings:
    """Of one peer, one of each kind per round.

    Attributes:
        starts: Seconds from exec to the first answer.
        successors: Seconds from kill -9 of a worker to the first answer of a new one.
    """

    starts: list[float] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)
    successors: list[float] = field(default_factory=list)
    reloads: list[Reloads] = field(default_factory=list)
    scaling: list[Scaling] = field(default_factory=list)


@dataclass
class Outcome:
    """What was found, by the name of the peer.

    Attributes:
        versions: What each peer is made of.
        left_out: Why a peer could not be measured here.
        failures: Runs of h2load that failed and were made again.
    """

    found: dict[str, Findings] = field(default_factory=lambda: defaultdict(Findings))
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def measure(
    rounds: int,
    scale: float,
    say: Callable[[str], None],
    peers: Sequence[Supervised] = PEERS,
    keys: Sequence[str] = KEYS,
) -> Outcome:
    """Runs everything: with a scale of 1 about two minutes per round.

    Args:
        scale: Factor on the duration of each run of h2load.
        say: Told what was measured, and who is left out.
        keys: What to measure.

    Raises:
        benchmarks.process.NotReady: A peer does not start or does not end, or nobody succeeds a
            worker that was killed.
        benchmarks.load.LoadError: Calls failed, and again in the next run.
    """
    outcome = Outcome()
    here = [peer for peer in peers if _is_here(peer, outcome, say)]
    for number, peer in interleave(here, rounds) if here else ():
        try:
            _Round(peer, outcome, scale, _prefixed(say, number, peer)).run(keys)
        except TimeoutError as error:
            raise NotReady(f"{peer.name} did not serve again within {PATIENCE:g} s") from error
        except subprocess.TimeoutExpired as error:
            raise NotReady(f"{peer.name} did not end by TERM") from error
    return outcome


def _prefixed(say: Callable[[str], None], number: int, peer: Supervised) -> Callable[[str], None]:
    return lambda text: say(f"round {number + 1}: {peer.name}: {text}")


def _is_here(peer: Supervised, outcome: Outcome, say: Callable[[str], None]) -> bool:
    try:
        outcome.versions[peer.name] = peer.versions()
    except Missing as missing:
        say(f"{peer.name} is left out: {missing}")
        outcome.left_out[peer.name] = str(missing)
        return False
    return True


@dataclass(frozen=True)
class _Round:
    """One peer's turn in a round."""

    peer: Supervised
    outcome: Outcome
    scale: float
    say: Callable[[str], None]

    def run(self, keys: Sequence[str]) -> None:
        found = self.outcome.found[self.peer.name]
        cpus = os.sched_getaffinity(0)
        began = time.perf_counter()
        with self.peer.run(WORKERS, WAIT, cpus) as (pid, door):
            asyncio.run(self._living(pid, door, began, keys, found))
        if SCALING in keys:
            one, two = (self._throughput(count, Cpus(cpus, cpus)) for count in (1, WORKERS))
            found.scaling.append(Scaling(one, two))
            self.say(f"{one.rate:.0f} calls/s by 1 worker, {two.rate:.0f} by {WORKERS}")

    async def _living(
        self, supervisor: int, door: Door, began: float, keys: Sequence[str], found: Findings
    ) -> None:
        answered = await probe(door, lambda _: True, PATIENCE)
        found.starts.append(answered - began)
        self.say(f"first call served after {found.starts[-1]:.2f} s")
        pids = await workers(door, WORKERS, PATIENCE)
        if MEMORY in keys:
            await asyncio.sleep(SETTLE)
            found.weights.append(_weigh(supervisor, pids))
            self.say(f"{found.weights[-1].worker:.1f} MiB per worker")
        if RELOAD in keys:
            found.reloads.append(await _reload(supervisor, door, pids))
            self.say(f"{found.reloads[-1].lost:.1f} calls lost per reload")
        if KILL in keys:
            found.successors.append(await _succeed(door))
            self.say(f"successor after {found.successors[-1]:.2f} s")

    def _throughput(self, count: int, cpus: Cpus) -> Measured:
        peer = self.peer
        with peer.run(count, COMPUTE, cpus.tested) as (pid, door):
            pids = asyncio.run(_up(door, count))
            http1 = peer.kind is Http1
            size = len(str(min(pids))) if http1 else greetings.response_size(pids)
            what = _load(http1)
            running = Running(door.address, {"all": [pid, *descendants(pid)]})
            trial.warm_up(what, running, cpus, self.scale / 2)

            def run() -> Measured:
                return trial.run(
                    what, running, cpus, lambda counts: trial.calls(counts, size), self.scale
                )

            return trial.persistent(run, peer.name, self.outcome.failures)


async def _up(door: Door, count: int) -> set[int]:
    await probe(door, lambda _: True, PATIENCE)
    return await workers(door, count, PATIENCE)


def _load(http1: bool) -> Load:
    """As many calls as can be, over the same connections in both protocols."""
    return Load(
        path="/" if http1 else greetings.UNARY,
        body=greetings.unary_request(),
        connections=CONNECTIONS,
        in_flight=1,
        seconds=SECONDS,
        http1=http1,
    )


def _weigh(supervisor: int, pids: set[int]) -> Weights:
    whole = sum(weigh(pid).private for pid in [supervisor, *descendants(supervisor)])
    return Weights(median(weigh(pid).private for pid in pids), whole)


async def _succeed(door: Door) -> float:
    """Kills a worker, and waits for one that was not there."""
    pids = await workers(door, WORKERS, PATIENCE)
    began = time.perf_counter()
    os.kill(min(pids), signal.SIGKILL)
    return await probe(door, lambda pid: pid not in pids, PATIENCE) - began


async def _reload(supervisor: int, door: Door, pids: set[int]) -> Reloads:
    took: list[float] = []
    async with calling(door) as tally:
        for _ in range(RELOADS):
            await _calm(supervisor)
            began = time.perf_counter()
            os.kill(supervisor, signal.SIGHUP)
            await _gone(pids)
            took.append(time.perf_counter() - began)
            pids = await workers(door, WORKERS, PATIENCE)
        await _calm(supervisor)
    return Reloads(tally, RELOADS, median(took))


async def _gone(pids: set[int]) -> None:
    async with asyncio.timeout(PATIENCE):
        # Of processes that are not children there is nothing else to wait for.
        while any(map(_runs, pids)):  # noqa: ASYNC110
            await asyncio.sleep(PAUSE)


async def _calm(supervisor: int) -> None:
    loop = asyncio.get_running_loop()
    last, since = _processes(supervisor), loop.time()
    async with asyncio.timeout(PATIENCE):
        while loop.time() - since < CALM:
            await asyncio.sleep(CALM / 10)
            if (now := _processes(supervisor)) != last:
                last, since = now, loop.time()


def _processes(supervisor: int) -> set[int]:
    try:
        return set(descendants(supervisor))
    except (FileNotFoundError, ProcessLookupError):
        # One has gone while they were looked at.
        return set()


def _runs(pid: int) -> bool:
    """Whether that process is there, and has not ended."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Its name, in parentheses, may hold anything.
    return stat.rpartition(")")[2].split()[0] != "Z"
