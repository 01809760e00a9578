"""The table of a binary upgrade: who goes on, whatever happens when."""

from __future__ import annotations

import itertools

import pytest

from tercet.cluster.spec import OriginSpec
from tercet.cluster.upgrade import Act, Phase, Upgrade, refusal

ORIGIN = OriginSpec(arguments=["up"], directory="/")


def test_all_goes_well() -> None:
    upgrade = Upgrade()
    assert not upgrade.hand_over()
    assert upgrade.ready() is Act.NOTHING
    assert upgrade.hand_over()
    assert upgrade.phase is Phase.HANDED_OVER


def test_one_that_ends_before_it_is_ready_has_failed() -> None:
    upgrade = Upgrade()
    upgrade.exited("exited with 78")
    assert upgrade.phase is Phase.FAILED
    assert upgrade.cause == "the new supervisor exited with 78"


def test_what_it_has_said_itself_is_the_cause() -> None:
    upgrade = Upgrade()
    upgrade.failed("shop/0 cannot start")
    assert upgrade.phase is Phase.WAITING
    # Its end of the link closes as it exits, and may be seen first.
    assert upgrade.unlinked() is Act.KILL
    upgrade.exited("exited with 78")
    assert upgrade.cause == "shop/0 cannot start"


def test_one_that_is_late_is_killed() -> None:
    upgrade = Upgrade()
    assert upgrade.late(60) is Act.KILL
    # In the meantime it says that it is.
    upgrade.ready()
    assert not upgrade.hand_over()
    upgrade.exited("killed by SIGKILL")
    assert upgrade.phase is Phase.FAILED
    assert upgrade.cause == "it was not ready after 60 s"


def test_one_that_is_ready_is_not_late() -> None:
    upgrade = Upgrade()
    upgrade.ready()
    assert upgrade.late(60) is Act.NOTHING
    assert upgrade.hand_over()


def test_one_that_dies_between_ready_and_its_turn_is_given_nothing() -> None:
    upgrade = Upgrade()
    upgrade.ready()
    upgrade.exited("killed by SIGKILL")
    assert not upgrade.hand_over()
    assert upgrade.phase is Phase.FAILED


@pytest.mark.parametrize("is_ready", [False, True])
def test_a_stop_means_both(is_ready: bool) -> None:
    upgrade = Upgrade()
    if is_ready:
        upgrade.ready()
    assert upgrade.stop() is Act.STOP
    assert upgrade.stop() is Act.NOTHING
    assert not upgrade.hand_over()
    upgrade.exited("exited with 0")
    assert upgrade.phase is Phase.FAILED
    assert upgrade.cause == "the mesh stops"


EVENTS = {
    "ready": lambda upgrade: upgrade.ready(),
    "failed": lambda upgrade: upgrade.failed("a cause"),
    "hand_over": lambda upgrade: upgrade.hand_over(),
    "late": lambda upgrade: upgrade.late(1),
    "unlinked": lambda upgrade: upgrade.unlinked(),
    "stop": lambda upgrade: upgrade.stop(),
    "exited": lambda upgrade: upgrade.exited("exited with 1"),
}


def test_there_is_no_way_back_and_never_two_owners() -> None:
    for order in itertools.permutations(EVENTS, 5):
        upgrade = Upgrade()
        gone = handed_over = False
        for event in order:
            act = EVENTS[event](upgrade)
            gone |= event == "exited"
            if handed_over:
                # Neither stopped nor killed: the mesh is its own.
                assert upgrade.phase is Phase.HANDED_OVER, order
                assert not isinstance(act, Act) or act is Act.NOTHING, order
            handed_over |= upgrade.phase is Phase.HANDED_OVER
            # Nobody is given the mesh who is gone, and a failure has a cause.
            if gone and not handed_over:
                assert upgrade.phase is Phase.FAILED, order
                assert upgrade.cause, order


@pytest.mark.parametrize(
    ("pid", "origin", "why"),
    [(1, ORIGIN, "PID 1"), (2, None, "by which command"), (1, None, "PID 1"), (2, ORIGIN, "")],
)
def test_where_there_can_be_none(pid: int, origin: OriginSpec | None, why: str) -> None:
    said = refusal(pid=pid, origin=origin)
    assert why in said
    assert bool(said) == bool(why)
