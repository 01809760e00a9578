"""Several gateways on one piece of memory, as objects of one process."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from tercet.cluster import region as layout
from tercet.cluster.region import SharedRegion
from tercet.gateway._region import Region


@pytest.fixture
def memory() -> Iterator[SharedRegion]:
    made = SharedRegion(3)
    yield made
    made.close()


@pytest.fixture
def gateways(memory: SharedRegion) -> list[Region]:
    return [join(memory, slot) for slot in range(3)]


def join(memory: SharedRegion, slot: int) -> Region:
    return Region(memory.fd, slot, memory.eventfds)


def woken(gateway: Region) -> bool:
    return bool(select.select([gateway.eventfd], [], [], 0)[0])


def test_a_name_has_one_column_in_all_gateways(gateways: list[Region]) -> None:
    names = [f"unix:/run/greeter.{number}.1.sock" for number in range(100)]
    first = {name: gateways[0].claim(name) for name in names}
    assert len(set(first.values())) == 100
    assert {name: gateways[1].claim(name) for name in reversed(names)} == first
    assert all(gateways[0].is_shared(column) for column in first.values())


def test_all_see_what_each_counts(gateways: list[Region]) -> None:
    column = gateways[0].claim("greeter")
    other = gateways[0].claim("other")
    for number, gateway in enumerate(gateways):
        for _ in range(number + 1):
            gateway.enter(column)
    assert [gateway.load(column) for gateway in gateways] == [6, 6, 6]
    assert [gateway.own(column) for gateway in gateways] == [1, 2, 3]
    gateways[2].leave(column)
    assert gateways[0].load(column) == 5
    assert gateways[0].load(other) == 0


def test_one_leave_too_many_is_no_call(gateways: list[Region]) -> None:
    column = gateways[0].claim("greeter")
    gateways[1].enter(column)
    gateways[0].leave(column)
    assert gateways[0].load(column) == 1


def test_admission_ends_at_the_limit_of_all_together(gateways: list[Region]) -> None:
    column = gateways[0].claim("greeter")
    assert [gateways[number % 3].admit(column, 4) for number in range(6)] == [True] * 4 + [
        False,
        False,
    ]
    assert gateways[0].load(column) == 4
    gateways[1].leave(column)
    assert gateways[2].admit(column, 4)
    assert not gateways[0].admit(column, 4)
    # Somebody else is to look again when a call leaves; nobody is unsure.
    assert not any(woken(gateway) for gateway in gateways)


@pytest.mark.parametrize("unlimited", [0, -1])
def test_without_a_limit_every_call_is_admitted(gateways: list[Region], unlimited: int) -> None:
    column = gateways[0].claim("greeter")
    assert all(gateways[0].admit(column, unlimited) for _ in range(1000))
    assert gateways[1].load(column) == 1000


def test_an_attempt_elsewhere_is_neither_overtaken_nor_slept_upon(
    memory: SharedRegion, gateways: list[Region]
) -> None:
    column = gateways[0].claim("greeter")
    # What gateway 2 leaves in its cell if it is stopped in the middle of an admission.
    place = layout.ROWS + 2 * layout.ROW + column * layout.CELL
    os.pwrite(memory.fd, (1 << 32).to_bytes(8, "little"), place)
    assert gateways[0].load(column) == 0
    assert not gateways[0].admit(column, 1)
    assert woken(gateways[0]) and not woken(gateways[1])
    gateways[0].drain()
    assert gateways[0].admit(column, 2)
    # The last place may be for the attempt that was there before.
    assert not gateways[1].admit(column, 2)
    memory.clear(2)
    assert gateways[1].admit(column, 2)


def test_a_column_is_another_names_once_it_is_idle(gateways: list[Region]) -> None:
    one, two, _ = gateways
    column = one.claim("old")
    assert two.claim("old") == column
    one.enter(column)
    one.release(column)
    assert one.claim("new 1") != column
    two.release(column)
    # A call is still in flight in it.
    assert one.claim("new 2") != column
    one.leave(column)
    assert one.claim("new 3") == column
    assert two.claim("old") != column


def test_a_column_stays_as_long_as_it_is_claimed(gateways: list[Region]) -> None:
    column = gateways[0].claim("twice")
    assert gateways[0].claim("twice") == column
    gateways[0].release(column)
    assert gateways[0].claim("other") != column
    assert gateways[0].claim("twice") == column


def test_a_name_that_comes_back_finds_its_calls(gateways: list[Region]) -> None:
    gateways[0].claim("first")
    column = gateways[0].claim("greeter")
    gateways[0].enter(column)
    gateways[0].release(column)
    assert gateways[1].claim("greeter") == column
    assert gateways[1].load(column) == 1


def test_columns_come_and_go_for_ever(gateways: list[Region]) -> None:
    one, two, _ = gateways
    for generation in range(3 * layout.COLUMNS):
        column = one.claim(f"greeter.{generation}")
        assert two.claim(f"greeter.{generation}") == column and one.is_shared(column)
        for gateway in (one, two):
            gateway.enter(column)
            gateway.leave(column)
            gateway.release(column)


def test_one_that_finds_no_column_counts_for_itself(gateways: list[Region]) -> None:
    one, two, _ = gateways
    shared = [one.claim(f"{number}") for number in range(layout.COLUMNS)]
    assert sorted(shared) == list(range(layout.COLUMNS))
    column = one.claim("one more")
    assert not one.is_shared(column)
    assert one.claim("one more") == column and one.claim("and another") == column + 1
    assert [one.admit(column, 2) for _ in range(3)] == [True, True, False]
    one.wait(column, 5, 17)
    assert (one.load(column), one.own(column), one.waiting(column)) == (2, 2, 5)
    assert not one.others_wait(column) and one.oldest_elsewhere(column) == 0
    one.wake(column)
    assert not any(woken(gateway) for gateway in gateways)
    # As long as it is claimed there, it stays there.
    one.release(shared[0])
    assert one.claim("one more") == column
    for _ in range(3):
        one.release(column)
    one.leave(column)
    one.leave(column)
    assert one.claim("one more") == shared[0]
    assert two.claim("one more") == shared[0]


def test_even_columns_of_its_own_have_an_end(gateways: list[Region]) -> None:
    for number in range(layout.COLUMNS):
        gateways[0].claim(f"{number}")
    with pytest.raises(OverflowError, match="no column is left for"):
        for number in range(20000):
            gateways[0].claim(f"more {number}")


def test_who_waits_is_woken_and_nobody_else(gateways: list[Region]) -> None:
    one, two, three = gateways
    column = one.claim("greeter")
    two.wait(column, 3, 1000)
    assert one.others_wait(column) and three.others_wait(column) and not two.others_wait(column)
    one.wake(column)
    assert [woken(gateway) for gateway in gateways] == [False, True, False]
    two.drain()
    two.drain()
    assert not woken(two)
    two.wait(column, 0, 1000)
    one.wake(column)
    assert not any(woken(gateway) for gateway in gateways)


def test_the_oldest_call_of_the_others_is_known(gateways: list[Region]) -> None:
    one, two, three = gateways
    column = one.claim("greeter")
    assert one.oldest_elsewhere(column) == 0
    one.wait(column, 2, 500)
    two.wait(column, 1, 2**63 + 5)
    three.wait(column, 1, 700)
    assert [gateway.oldest_elsewhere(column) for gateway in gateways] == [700, 500, 500]
    assert one.waiting(column) == 4
    three.release(column)  # It had never claimed it: nothing happens.
    three.claim("greeter")
    three.release(column)
    assert one.oldest_elsewhere(column) == 2**63 + 5


def test_the_rows_of_the_dead_are_zeroed(memory: SharedRegion, gateways: list[Region]) -> None:
    one, two, three = gateways
    column = one.claim("greeter")
    two.claim("greeter")
    for _ in range(100):
        two.enter(column)
    three.enter(column)
    two.wait(column, 8, 44)
    memory.clear(1)
    assert one.load(column) == 1 and one.waiting(column) == 0
    assert one.oldest_elsewhere(column) == 0
    assert all(woken(gateway) for gateway in gateways)
    # Its successor begins with nothing, and its claims are gone too.
    successor = join(memory, 1)
    assert successor.own(column) == 0
    one.release(column)
    three.leave(column)
    assert three.claim("another") == column


def test_alone_there_is_memory_of_its_own() -> None:
    alone, stranger = Region(-1, 0, ()), Region(-1, 0, ())
    column = alone.claim("greeter")
    assert [alone.admit(column, 2) for _ in range(3)] == [True, True, False]
    assert stranger.load(stranger.claim("greeter")) == 0
    alone.wait(column, 1, 5)
    assert not alone.others_wait(column)
    assert (alone.gateways, alone.slot) == (1, 0)
    assert not woken(alone)
    alone.drain()


def test_descriptors_are_given_back(memory: SharedRegion) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        Region(-1, 0, ())
        join(memory, 0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_memory_of_another_kind_is_refused(memory: SharedRegion) -> None:
    def region(content: bytes, size: int) -> int:
        made = os.memfd_create("no region")
        os.write(made, content)
        os.truncate(made, size)
        return made

    good, size = layout.header(3), layout.size(3)
    bad = [
        (region(b"", 0), "no region"),
        (region(b"\0" * 64, size), "no region"),
        (region(good[:8] + b"\x63" + good[9:], size), "another version"),
        (region(layout.header(0), layout.size(0)), "another version"),
        (region(good, size - 4096), "not the size"),
        (region(good, size + 4096), "not the size"),
    ]
    for fd, complaint in bad:
        with pytest.raises(ValueError, match=complaint):
            Region(fd, 0, memory.eventfds)
        os.close(fd)
    for slot in (-1, 3):
        with pytest.raises(ValueError, match="no slot"):
            Region(memory.fd, slot, memory.eventfds)
    with pytest.raises(ValueError, match="2 eventfds for a region of 3"):
        Region(memory.fd, 0, memory.eventfds[:2])
    with pytest.raises(ValueError, match="no slot"):
        Region(-1, 1, ())
