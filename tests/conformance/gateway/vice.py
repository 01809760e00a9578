"""A way to misbehave, and what a client is to see of it through a gateway."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tests.conformance.gateway.link import Answers, Greets, greet


class Outcome(NamedTuple):
    """How a call ends.

    Attributes:
        codes: Of gRPC, one of which it ends with.
        reasons: Of the ErrorInfo, one of which it has. Empty: the upstream's own status, or OK.
        messages: What came before the end; None: whatever there was.
    """

    codes: frozenset[int]
    reasons: frozenset[str] = frozenset()
    messages: tuple[bytes, ...] | None = None


@dataclass(frozen=True)
class Vice:
    """One way to misbehave.

    Attributes:
        timeout: Of the calls, in seconds.
        keeps_headers: Whether the answer's head is to arrive before the status.
        grpcio: What a client of grpcio sees, where that is not what came.
    """

    answers: Answers
    outcome: Outcome
    greets: Greets = greet
    timeout: float = 20.0
    keeps_headers: bool = False
    grpcio: Outcome | None = None


def ends(
    codes: int | Iterable[int], *reasons: str, messages: tuple[bytes, ...] | None = None
) -> Outcome:
    allowed = [codes] if isinstance(codes, int) else codes
    return Outcome(frozenset(allowed), frozenset(reasons), messages)
