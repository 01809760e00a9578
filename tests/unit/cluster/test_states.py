"""The life of a worker is a table."""

from __future__ import annotations

import pytest

from tercet.cluster.states import ALIVE, NEXT, IllegalTransition, State, advance


def test_every_state_has_a_row() -> None:
    assert set(NEXT) == set(State)


@pytest.mark.parametrize("state", sorted(ALIVE))
def test_a_worker_may_die_in_any_state(state: State) -> None:
    assert advance(state, State.GONE) is State.GONE


@pytest.mark.parametrize(
    ("now", "to"),
    [
        (State.GONE, State.READY),
        (State.DRAINING, State.READY),
        (State.READY, State.STARTING),
        (State.READY, State.READY),
    ],
)
def test_other_edges_are_bugs(now: State, to: State) -> None:
    with pytest.raises(IllegalTransition):
        advance(now, to)
