"""How calls ended: what the load writes and the tests judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

OK = "OK"
# Codes beside gRPC's: what became of a connection, and of an answer.
REFUSED, RESET, CLOSED, WRONG, STUCK = "refused", "reset", "closed", "wrong", "stuck"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One call. Times are of CLOCK_MONOTONIC, which all processes share."""

    kind: str
    # Of which caller, such as "gateway 3" or "direct fresh 0".
    caller: str
    began: float
    ended: float
    # Name of the gRPC status, or one of those above.
    code: str
    # Of the gateway's ErrorInfo; "" if there is none.
    reason: str = ""
    details: str = ""
    # The worker that ran it; 0 if it has not said so.
    pid: int = 0
    # The client's port; 0 if gRPC has not told.
    port: int = 0

    @property
    def took(self) -> float:
        """Seconds."""
        return self.ended - self.began

    def during(self, moment: float) -> bool:
        return self.began <= moment <= self.ended


class Report:
    """All calls of a load, in the order of their ends."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.outcomes = sorted(outcomes, key=lambda each: each.ended)

    @classmethod
    def read(cls, path: Path) -> Report:
        return cls(msgspec.json.Decoder(Outcome).decode_lines(path.read_bytes()))

    def of(self, caller: str) -> Report:
        """The calls of the callers whose name begins so."""
        return self.where(lambda each: each.caller.startswith(caller))

    def where(self, condition: Callable[[Outcome], bool]) -> Report:
        return Report(filter(condition, self.outcomes))

    @property
    def failed(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.code != OK]

    @property
    def kinds(self) -> set[str]:
        """Those of which at least one call ended well."""
        return {each.kind for each in self.outcomes if each.code == OK}

    def __str__(self) -> str:
        """The numbers, and the first calls that failed."""
        codes = Counter(f"{each.code} {each.reason}".strip() for each in self.outcomes)
        lines = [f"{len(self.outcomes)} calls: {dict(codes.most_common())}"]
        lines += [f"  {told(each)}" for each in self.failed[:20]]
        return "\n".join(lines)


def told(each: Outcome) -> str:
    where = f" in worker {each.pid}" if each.pid else ""
    return (
        f"{each.caller}: {each.kind}{where}, {each.began:.3f} to {each.ended:.3f}:"
        f" {each.code} {each.reason} {each.details}"
    )
