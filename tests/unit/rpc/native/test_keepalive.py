"""The rules of keepalive, idleness and age, on a clock of the test's."""

from __future__ import annotations

from tercet.rpc.native.keepalive import KNOWN, NOTICE, Act, Keeper, Rules, Signs


def keeper(draw: float = 0.5, **changed: int) -> Keeper:
    names = {name.rpartition(".")[2].removesuffix("_ms"): name for name in KNOWN}
    return Keeper(
        Rules.of({**KNOWN, **{names[key]: value for key, value in changed.items()}}),
        0,
        lambda: draw,
    )


def test_a_silent_client_is_pinged_and_then_given_up() -> None:
    keeping = keeper(keepalive_time=10_000, keepalive_timeout=2_000)
    assert keeping.look(0, Signs(0, 0, 0)) == (Act.NOTHING, 10)
    assert keeping.look(10, Signs(0, 0, 0)) == (Act.PING, 12)
    assert keeping.look(12, Signs(0, 0, 0))[0] is Act.ABORT
    assert keeping.reason == "keepalive"


def test_any_byte_is_an_answer() -> None:
    keeping = keeper(keepalive_time=10_000, keepalive_timeout=2_000)
    keeping.look(10, Signs(0, 0, 0))
    assert keeping.look(12, Signs(11, 0, 0)) == (Act.NOTHING, 21)


def test_no_pings_without_calls_unless_permitted() -> None:
    keeping = keeper(keepalive_time=10_000, keepalive_permit_without_calls=0)
    assert keeping.look(10, Signs(0, 0, 0)) == (Act.NOTHING, 20)
    assert keeping.look(20, Signs(0, 1, 1))[0] is Act.PING


def test_pings_too_often_are_strikes() -> None:
    keeping = keeper()
    assert all(keeping.pinged(now, 1, False, 0) for now in (0, 1, 2))
    assert not keeping.pinged(3, 1, False, 0)
    assert keeping.reason == "too_many_pings"


def test_a_client_may_ping_for_ever_as_often_as_it_may() -> None:
    """However long the network holds up each of them."""
    keeping = keeper()
    assert all(keeping.pinged(10 * ping + (ping % 2), 1, False, 0) for ping in range(100))
    hasty = keeper()
    assert not all(hasty.pinged(5 * ping, 1, False, 0) for ping in range(100))


def test_pings_are_forgiven_after_data_and_without_a_limit() -> None:
    keeping = keeper()
    assert all(keeping.pinged(now, 1, True, 1) for now in range(9))
    unlimited = keeper(max_ping_strikes=0)
    assert all(unlimited.pinged(0, 9, False, 0) for _ in range(9))


def test_an_idle_connection_is_asked_to_go() -> None:
    keeping = keeper(max_connection_idle=8_000)
    assert keeping.look(2, Signs(0, 1, 1)) == (Act.NOTHING, 4)
    assert keeping.look(9, Signs(9, 0, 1)) == (Act.NOTHING, 10)
    assert keeping.look(10, Signs(9, 0, 1)) == (Act.ANNOUNCE, 10 + NOTICE)
    assert keeping.look(10 + NOTICE, Signs(9, 0, 1))[0] is Act.REFUSE
    assert keeping.reason == "idle"


def test_age_has_jitter_and_a_grace() -> None:
    assert keeper(0.0, max_connection_age=10_000).look(0, Signs(0, 0, 0))[1] == 9
    keeping = keeper(max_connection_age=10_000, max_connection_age_grace=5_000)
    assert keeping.look(10, Signs(9, 1, 1)) == (Act.ANNOUNCE, 10 + NOTICE)
    assert keeping.look(10 + NOTICE, Signs(9, 1, 1)) == (Act.REFUSE, 15 + NOTICE)
    assert keeping.look(15 + NOTICE, Signs(9, 1, 1))[0] is Act.END
    assert keeping.reason == "age"
