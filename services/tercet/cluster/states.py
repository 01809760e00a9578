"""The life of a worker, as a table. Imports nothing of ours.

    STARTING ──▶ READY ──▶ DRAINING ──▶ GONE ──▶ (STARTING, as the next generation)
        └───────────┴──────────┴─────────▲
                  died by itself

A worker is READY when its health, asked over its own socket, is SERVING. It is DRAINING as soon as
it is to go: gateways are told so, and when all of them have acknowledged that, the worker is.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


NEXT: dict[State, frozenset[State]] = {
    State.STARTING: frozenset({State.READY, State.DRAINING, State.GONE}),
    State.READY: frozenset({State.DRAINING, State.GONE}),
    State.DRAINING: frozenset({State.GONE}),
    State.GONE: frozenset({State.STARTING}),
}

ALIVE = frozenset({State.STARTING, State.READY, State.DRAINING})


class IllegalTransition(AssertionError):
    """A bug in the supervisor: the table does not have this edge."""


def advance(now: State, to: State) -> State:
    """Returns `to`.

    Raises:
        IllegalTransition: The table has no edge from `now` to `to`.
    """
    if to not in NEXT[now]:
        raise IllegalTransition(f"{now} -> {to}")
    return to
