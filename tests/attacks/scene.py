"""A server, its neighbour and an attacker, in a process each; what each of them saw."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from tests.attacks.child import Child
from tests.attacks.form import BELIEVED, MIB, ROUND, ROUNDS, TRIES
from tests.attacks.judge import Interval, harm, is_noisy
from tests.attacks.target import Gateway, Server, Target

# Seconds between two looks at the server's memory.
LOOK = 0.05
# Seconds in which a server forgets an attacker: it lingers for two at a client that does not close.
SETTLES = 10.0


@dataclass
class Report:
    """What came of an attack.

    Attributes:
        counted: By how much each of the server's limits rose.
        words: In how many of the attacker's connections each word was seen.
        met: Connections that saw what they should.
        unmet: The words of those that did not.
        growth: Most bytes that the server's RSS was above what it was before.
        left: What the server had more of when all was over.
        harmed: What the attack did to the neighbour beyond doubt.
    """

    quiet: list[Interval] = field(default_factory=list)
    attacked: list[Interval] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    met: int = 0
    unmet: list[list[str]] = field(default_factory=list)
    sent: int = 0
    growth: int = 0
    left: list[str] = field(default_factory=list)
    harmed: list[str] = field(default_factory=list)

    @property
    def failed(self) -> float:
        """Share of the neighbour's calls."""
        intervals = self.quiet + self.attacked
        failed = sum(each.failed for each in intervals)
        return failed / (failed + sum(each.calls for each in intervals) or 1)

    @property
    def harm(self) -> list[str]:
        return harm(self.quiet, self.attacked)

    def __str__(self) -> str:
        def told(name: str, intervals: list[Interval]) -> str:
            each = " ".join(f"{one.rate:.0f}/{one.p99 * 1e3:.2f}" for one in intervals)
            return f"{name} (calls/s / p99 in ms): {each}"

        return "; ".join(
            [
                told("quiet", self.quiet),
                told("attacked", self.attacked),
                f"counted {dict(+self.counted)}",
                f"the attacker sent {self.sent / MIB:.1f} MiB and saw {dict(self.words)}",
                f"RSS +{self.growth / MIB:.1f} MiB",
            ]
        )


class Scene:
    """All three, until the `with` ends.

    Args:
        options: Of the server.
        fronted: Whether it is a gateway's own server that has the options and is attacked.
    """

    def __init__(self, options: Mapping[str, int], *, fronted: bool = False) -> None:
        self.options = options
        self._fronted = fronted
        self._stack = ExitStack()
        try:
            self._target, self._attacker = self.cast(self._stack)
            self.port = self._target.port
            self._neighbour = self._stack.enter_context(
                Child("tests.attacks.neighbour", str(self.port))
            )
            self._neighbour.hear()
            self._attacker.hear()
            # What the first calls allocate is no harm.
            self._quiet()
        except BaseException:
            self.close()
            raise

    def cast(self, stack: ExitStack) -> tuple[Target, Child]:
        """Who is attacked, and by whom."""
        target: Target
        if self._fronted:
            behind = Server(stack, {})
            target = Gateway(stack, {"": [behind.address]}, self.options)
        else:
            target = Server(stack, self.options)
        return target, stack.enter_context(Child("tests.attacks.attacker", str(target.port)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def close(self) -> None:
        self._stack.close()

    def run(self, attack: str, *, judged: bool = True) -> Report:
        """An attack by its name; what came of it the last time, if it had to be repeated.

        Args:
            judged: Whether it must not harm the neighbour.
        """
        harmful = 0
        for _ in range(TRIES):
            report = self._rounds(attack)
            if not judged or not report.harm:
                break
            harmful += not is_noisy(report.quiet)
            if harmful == BELIEVED:
                report.harmed = report.harm
                break
        return report

    def _rounds(self, attack: str) -> Report:
        report = Report()
        before, rss = self._target.facts(), self._rss()

        def look() -> None:
            report.growth = max(report.growth, self._rss() - rss)

        for _ in range(ROUNDS):
            report.quiet.append(self._quiet())
            self._attacker.tell(json.dumps([attack, ROUND]))
            self._neighbour.tell(ROUND)
            _watch(look)
            report.attacked.append(Interval(**json.loads(self._neighbour.hear())))
            saw = json.loads(self._attacker.hear())
            report.met += saw["met"]
            report.unmet += saw["unmet"]
            report.words.update(saw["words"])
            report.sent += saw["sent"]
            report.left = self._settle(before)
            look()
        now = self._target.facts()
        report.counted.update(now["limits"])
        report.counted.subtract(before["limits"])
        return report

    def _quiet(self) -> Interval:
        self._neighbour.tell(ROUND)
        return Interval(**json.loads(self._neighbour.hear()))

    def _settle(self, before: dict[str, Any]) -> list[str]:
        """Waits until the server has what it had before; what it has more of."""
        deadline = time.monotonic() + SETTLES
        while True:
            now = self._target.facts()
            kinds = ("connections", "calls_running", "descriptors")
            more = [
                f"{now[kind] - before[kind]} {kind}" for kind in kinds if now[kind] > before[kind]
            ]
            if not more or time.monotonic() > deadline:
                return more
            time.sleep(LOOK)

    def _rss(self) -> int:
        return int(self._target.process.memory_info().rss)


def _watch(look: Callable[[], None]) -> None:
    """For the length of a round."""
    until = time.monotonic() + ROUND
    while time.monotonic() < until:
        look()
        time.sleep(LOOK)


class Stage:
    """Keeps a scene for the next attack on a server of the same options.

    Args:
        fronted: Whether gateways are attacked.
    """

    def __init__(self, *, fronted: bool = False) -> None:
        self._fronted = fronted
        self._scene: Scene | None = None

    def scene(self, options: Mapping[str, int]) -> Scene:
        if self._scene is None or self._scene.options != options:
            self.clear()
            self._scene = Scene(options, fronted=self._fronted)
        return self._scene

    def clear(self) -> None:
        """After a failure, so that it is not the next attack's."""
        scene, self._scene = self._scene, None
        if scene is not None:
            scene.close()
