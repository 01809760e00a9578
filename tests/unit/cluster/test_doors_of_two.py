"""The sockets of an address while two supervisors have them: before and after a binary upgrade."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator

import pytest

from tercet.cluster.address import Bind
from tercet.cluster.doors import Held, OwnDoors
from tercet.cluster.listeners import Listeners
from tercet.cluster.ports import Reservation
from tercet.errors import ConfigError


class Watched(Listeners):
    """Tells where new connections were sent."""

    def __init__(self, slots: int, *, inherited: Collection[socket.socket] = ()) -> None:
        self.steered: list[set[int]] = []
        super().__init__(Bind("127.0.0.1", 0), slots, inherited=list(inherited))

    def steer(self, away: Collection[int]) -> None:
        self.steered.append(set(away))
        super().steer(away)


@pytest.fixture
def listeners() -> Iterator[Watched]:
    made = Watched(2)
    yield made
    made.close()


def test_where_the_old_ones_accept_nobody_is_sent_away(listeners: Watched) -> None:
    doors = OwnDoors(listeners, 2, shared=True)
    # None of ours is there yet, and the third slot is one that only we have.
    doors.add(2)
    doors.steer({0, 1, 2})
    assert listeners.steered == []
    doors.steer({0, 1})
    assert listeners.steered == [set()]


def test_when_they_are_gone_it_is_as_ever(listeners: Watched) -> None:
    doors = OwnDoors(listeners, 2, shared=True)
    doors.alone()
    doors.steer({1})
    assert listeners.steered[-1] == {1}


def test_after_a_failed_upgrade_ours_are_steered_to_as_before(listeners: Watched) -> None:
    # The new one had put a program of its own into the place of ours.
    doors = OwnDoors(listeners, 2)
    doors.steer({1})
    doors.alone()
    assert listeners.steered == [{1}, {1}]


def test_what_was_handed_over_is_only_closed(listeners: Watched) -> None:
    doors = OwnDoors(listeners, 2)
    ((_, first), (_, second)) = doors.to_hand_over()
    doors.let_go()
    doors.steer({1})
    doors.remove(1)
    doors.alone()
    assert listeners.steered == []
    kept = first.dup(), second.dup()
    doors.close()
    for each in kept:
        # Those who were given it still listen.
        with socket.create_connection(each.getsockname(), timeout=10):
            each.close()


def test_nothing_is_steered_once_it_is_closed(listeners: Watched) -> None:
    doors = OwnDoors(listeners, 2)
    doors.close()
    doors.alone()
    assert listeners.steered == []


def test_a_port_that_is_held_is_handed_over_while_workers_listen() -> None:
    old = Held(Reservation(Bind("127.0.0.1", 0)))
    bind = Bind.parse(old.shown)
    worker = socket.socket()
    worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    worker.bind((bind.host, bind.port))
    worker.listen()
    with worker:
        with pytest.raises(ConfigError, match="cannot bind"):
            Reservation(bind)
        given = [each.dup() for _, each in old.to_hand_over()]
        new = Held(Reservation(bind, inherited=given))
        old.close()
    assert new.shown == str(bind)
    # It is still held.
    with pytest.raises(ConfigError, match="cannot bind"):
        Reservation(bind)
    new.close()
    Reservation(bind).close()
