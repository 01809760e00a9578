"""What a proxy costs: each alone on one core, before one backend that shares the load's core."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks import cpu, proxy_cases, trial
from benchmarks.cases import Case
from benchmarks.columns import median
from benchmarks.install import Missing
from benchmarks.load import Load
from benchmarks.peers import (
    Running,
    backend,
    envoy_proxy,
    haproxy,
    nghttpx,
    nginx_proxy,
    tercet_proxy,
)
from benchmarks.peers.proxy import Before, Proxy
from benchmarks.proxy_cases import CASES, KEYS, STEADY, UNARY
from benchmarks.rounds import interleave
from benchmarks.trial import HALF, Cpus, Measured, Runs

PROXIES: tuple[Proxy, ...] = (
    tercet_proxy.PROXY,
    nghttpx.PROXY,
    haproxy.PROXY,
    nginx_proxy.PROXY,
    envoy_proxy.PROXY,
)
# Without a proxy: what the backend and the load generator take by themselves.
DIRECT = backend.PEER.name
# Of the seconds of a warm-up: there is one before each run but those of large messages.
WARM_UP = 0.3
Started = Sequence[tuple[Before, Running]]


@dataclass
class Outcome:
    """What was found, by the name of the proxy.

    Attributes:
        cases: Runs by the key of the case, one per round; those without a proxy too.
        steady: Of the unary case, all at one rate.
        rate: Which, in calls/s; 0 if there was none.
        versions: What was measured.
        left_out: Why a proxy could not be measured here.
        failures: Runs that failed and were made again; a second failure ends the whole.
    """

    cases: dict[str, Runs] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    steady: Runs = field(default_factory=lambda: defaultdict(list))
    rate: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def measure(
    rounds: int,
    scale: float,
    say: Callable[[str], None],
    proxies: Sequence[Proxy] = PROXIES,
    keys: Sequence[str] = KEYS,
) -> Outcome:
    """Runs everything: with a scale of 1 about 100 seconds per round, twice that if disturbed.

    Args:
        scale: Factor on the duration of each run.
        say: Told what was measured, and who is left out.
        keys: What to measure; the steady rate brings the unary case, which finds it.

    Raises:
        ValueError: The machine has one CPU.
        load.LoadError: Calls failed, and again in the next run.
        benchmarks.process.NotReady: A proxy does not start.
    """
    cpus = Cpus(*cpu.split(os.sched_getaffinity(0)))
    outcome = Outcome()
    here = [proxy for proxy in proxies if _is_here(proxy, outcome, say)]
    trials = _Trials(cpus, rounds, scale, outcome, say)
    wanted = {*keys, UNARY.key} if STEADY in keys else set(keys)
    for case in [case for case in CASES if case.key in wanted]:
        # Fresh processes for each: what malloc has learned of one load would change the next.
        with backend.PEER.start(cpus.load) as behind:
            peers = [Before(DIRECT, None, behind)]
            peers += [Before(proxy.name, proxy, behind) for proxy in here]
            with trial.all_started(peers, cpus.tested) as started:
                trials.case(case, started)
                if case is UNARY and STEADY in keys:
                    trials.steady(started)
    return outcome


def _is_here(proxy: Proxy, outcome: Outcome, say: Callable[[str], None]) -> bool:
    try:
        outcome.versions[proxy.name] = proxy.tool().version
    except Missing as missing:
        say(f"{proxy.name} is left out: {missing}")
        outcome.left_out[proxy.name] = str(missing)
        return False
    return True


@dataclass(frozen=True)
class _Trials:
    """Runs of proxies that have been started; all have their turn in each round."""

    cpus: Cpus
    rounds: int
    scale: float
    outcome: Outcome
    say: Callable[[str], None]

    def case(self, case: Case, started: Started) -> None:
        for number, (peer, running) in interleave(started, self.rounds):
            found = self._run(case, case.load, peer, running)
            self.outcome.cases[case.key][peer.name].append(found)
            self.say(
                f"{case.key}: round {number + 1}: {peer.name}: "
                f"{found.rate:.0f} {case.unit}s/s, {found.total_cost:.2f} us each"
            )

    def steady(self, started: Started) -> None:
        reached = self.outcome.cases[UNARY.key].values()
        self.outcome.rate = HALF * min(median(found, lambda run: run.rate) for found in reached)
        what = proxy_cases.steady(self.outcome.rate)
        for number, (peer, running) in interleave(started, self.rounds):
            found = self._run(UNARY, what, peer, running)
            self.outcome.steady[peer.name].append(found)
            self.say(
                f"{STEADY}: round {number + 1}: {peer.name}: {found.rate:.0f} calls/s, "
                f"p50 {found.p50:.2f} ms, p99 {found.p99:.2f} ms"
            )

    def _run(self, case: Case, what: Load, peer: Before, running: Running) -> Measured:
        if what.calls is None:
            trial.warm_up(what, running, self.cpus, WARM_UP)

        def run() -> Measured:
            return trial.run(what, running, self.cpus, case.count, self.scale)

        return trial.persistent(run, peer.name, self.outcome.failures)
