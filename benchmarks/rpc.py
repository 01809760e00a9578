"""What the native engine costs beside other servers: one process on one core, the same contract."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import cpu, footprint, trial
from benchmarks.cases import CASES, UNARY, Case
from benchmarks.footprint import Footprint
from benchmarks.install import Missing
from benchmarks.load import Load
from benchmarks.peers import (
    Running,
    grpc_aio,
    grpc_go,
    grpc_js,
    grpc_sync,
    grpclib_uvloop,
    native,
    nginx,
    node_http,
)
from benchmarks.peers.echo import EchoPeer
from benchmarks.rounds import interleave
from benchmarks.trial import Cpus, Measured, Runs

PEERS = (
    native.PEER,
    grpc_aio.PEER,
    grpc_sync.PEER,
    grpclib_uvloop.PEER,
    grpc_js.PEER,
    node_http.PEER,
    grpc_go.PEER,
    native.SECURED,
    grpc_aio.SECURED,
    nginx.PEER,
)
# The keys of what is measured beside the cases.
IDLE = "idle"
KEYS = (*(case.key for case in CASES), IDLE)
# Of the seconds of a warm-up: there is one before each case.
WARM_UP = 0.5


@dataclass
class Outcome:
    """What was found, by the name of the peer.

    Attributes:
        cases: Runs by the key of the case, one per round.
        half: Of the unary case, at half of what the same peer reached in the round.
        versions: What each peer is made of, if there is more to say than its name.
        left_out: Why a peer could not be measured here.
        failures: Runs that failed and were made again; a second failure ends the whole.
    """

    cases: dict[str, Runs] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    half: Runs = field(default_factory=lambda: defaultdict(list))
    idle: dict[str, Footprint] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def measure(
    rounds: int,
    scale: float,
    say: Callable[[str], None],
    peers: Sequence[EchoPeer] = PEERS,
    keys: Sequence[str] = KEYS,
) -> Outcome:
    """Runs everything: with a scale of 1 about 100 seconds per round, twice that if disturbed.

    Args:
        scale: Factor on the duration of each run.
        say: Told what was measured, and who is left out.
        keys: What to measure.

    Raises:
        ValueError: The machine has one CPU.
        load.LoadError: Calls failed, and again in the next run.
        benchmarks.process.NotReady: A peer does not start.
    """
    cpus = Cpus(*cpu.split(os.sched_getaffinity(0)))
    outcome = Outcome()
    here = [peer for peer in peers if _is_here(peer, outcome, say)]
    if IDLE in keys:
        # It knows no TLS.
        for peer in [peer for peer in here if not peer.tls]:
            outcome.idle[peer.name] = footprint.measure(peer, cpus)
    for case in [case for case in CASES if case.key in keys]:
        taking_part = [peer for peer in here if peer.tls == case.load.tls]
        if not taking_part:
            continue
        # Fresh processes for each: what malloc has learned of one load would change the next.
        with trial.all_started(taking_part, cpus.tested) as started:
            for number, (peer, running) in interleave(started, rounds):
                found = _run(case, peer, running, cpus, scale, outcome)
                if found:
                    say(
                        f"{case.key}: round {number + 1}: {peer.name}: "
                        f"{found.rate:.0f} {case.unit}s/s, {found.total_cost:.1f} us each"
                    )
    return outcome


def _is_here(peer: EchoPeer, outcome: Outcome, say: Callable[[str], None]) -> bool:
    try:
        versions = peer.program().versions
    except Missing as missing:
        say(f"{peer.name} is left out: {missing}")
        outcome.left_out[peer.name] = str(missing)
        return False
    if versions:
        outcome.versions[peer.name] = versions
    return True


def _run(
    case: Case, peer: EchoPeer, running: Running, cpus: Cpus, scale: float, outcome: Outcome
) -> Measured | None:
    load = case.load_of(peer.http1)
    if load is None:
        return None
    if load.calls is None:
        trial.warm_up(load, running, cpus, WARM_UP)

    def measured(what: Load) -> Measured:
        def run() -> Measured:
            return trial.run(what, running, cpus, lambda done: case.count(done, peer.http1), scale)

        return trial.persistent(run, peer.name, outcome.failures)

    found = measured(load)
    outcome.cases[case.key][peer.name].append(found)
    if case is UNARY:
        outcome.half[peer.name].append(measured(trial.half(load, found)))
    return found
