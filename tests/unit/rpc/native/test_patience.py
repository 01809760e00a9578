"""How long a peer may take, on a clock of the test's."""

from __future__ import annotations

import math

from tercet.rpc.native.patience import KNOWN, Patience, Patient, Slowness

PATIENCE = Patience(handshake=20, headers=10, request=60, stalled=100)
QUIET = Slowness(greeted=True, block=0, half_open=0, waiting=False, given=0)


def patient() -> Patient:
    return Patient(PATIENCE, 0)


def test_a_peer_must_greet() -> None:
    found = patient()
    assert found.look(5, QUIET._replace(greeted=False)) == ("", 20)
    assert found.look(20, QUIET._replace(greeted=False))[0] == "handshake_timeout"
    assert patient().look(20, QUIET) == ("", math.inf)


def test_headers_must_end() -> None:
    found = patient()
    assert found.look(5, QUIET._replace(block=1)) == ("", 15)
    assert found.look(15, QUIET._replace(block=1))[0] == "headers_timeout"


def test_another_header_block_has_time_of_its_own() -> None:
    found = patient()
    found.look(5, QUIET._replace(block=1))
    assert found.look(15, QUIET._replace(block=2)) == ("", 25)


def test_a_reader_must_read() -> None:
    found = patient()
    stuck = QUIET._replace(waiting=True, given=1000)
    assert found.look(5, stuck) == ("", 15)
    assert found.look(104, stuck)[0] == ""
    assert found.look(105, stuck)[0] == "stalled"


def test_a_dribble_is_no_reading() -> None:
    found = patient()
    assert [
        found.look(now, QUIET._replace(waiting=True, given=400 * now))[0]
        for now in range(0, 126, 25)
    ] == ["", "", "", "", "stalled", "stalled"]


def test_a_slow_reader_may_take_as_long_as_it_likes() -> None:
    found = patient()
    for now in range(0, 10_000, 25):
        assert found.look(now, QUIET._replace(waiting=True, given=600 * now))[0] == ""


def test_who_has_read_all_begins_anew() -> None:
    found = patient()
    stuck = QUIET._replace(waiting=True)
    found.look(0, stuck)
    found.look(90, QUIET)
    assert found.look(150, stuck)[0] == ""
    assert found.look(250, stuck)[0] == "stalled"


def test_requests_that_are_not_whole_are_looked_at() -> None:
    assert patient().look(5, QUIET._replace(half_open=1)) == ("", 15)


def test_what_begins_while_something_else_is_waited_for_is_seen_in_time() -> None:
    """It is told of only if nothing is waited for."""
    found = Patient(PATIENCE._replace(stalled=math.inf), 0)
    waiting = QUIET._replace(waiting=True)
    assert found.look(0, waiting) == ("", 10)
    assert found.look(10, waiting._replace(block=1)) == ("", 20)
    assert found.look(20, waiting._replace(block=1))[0] == "headers_timeout"


def test_never() -> None:
    for_ever = Patience.of(dict.fromkeys(KNOWN, (1 << 31) - 1))
    found = Patient(for_ever, 0)
    seen = Slowness(greeted=False, block=1, half_open=1, waiting=True, given=0)
    assert found.look(1e9, seen) == ("", math.inf)
    assert found.look(2e9, seen) == ("", math.inf)
