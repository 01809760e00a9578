"""What workers are connected to by, on addresses of the loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tercet.cluster.address import Bind
from tercet.cluster.doors import Doors, Few, Held, OwnDoors, Some, private_socket
from tercet.cluster.listeners import Listeners
from tercet.cluster.ports import Reservation
from tercet.errors import ConfigError

ANY = Bind.parse("127.0.0.1:0")


@pytest.fixture
def own() -> Iterator[OwnDoors]:
    made = OwnDoors(Listeners(ANY, 2), 2)
    yield made
    made.close()


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Few]:
    made = Few(private_socket(f"unix:{tmp_path}/control.sock"))
    yield made
    made.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_a_service_that_shares_no_address_has_none() -> None:
    doors = Doors()
    doors.add(3)
    doors.steer({3})
    await doors.empty(3)
    doors.remove(3)
    doors.close()
    assert (doors.slots(), doors.descriptors(3), doors.further(3)) == (set(), [], [])
    assert (doors.shown, doors.to_bind, doors.private) == ("", "", False)


def test_a_held_address_is_bound_by_workers_themselves() -> None:
    doors = Held(Reservation(ANY))
    assert doors.shown == doors.to_bind != "127.0.0.1:0"
    assert (doors.slots(), doors.descriptors(0)) == (set(), [])
    doors.close()


def test_each_slot_has_a_socket_of_its_own(own: OwnDoors) -> None:
    assert own.slots() == {0, 1}
    sockets = {own.descriptors(slot)[0] for slot in own.slots()}
    assert len(sockets) == 2
    assert (own.to_bind, own.further(0)) == ("", [])
    assert own.shown.startswith("127.0.0.1:")


def test_a_slot_is_added_once_and_removed_once(own: OwnDoors) -> None:
    before = descriptors()
    own.add(2)
    added = own.descriptors(2)
    own.add(2)
    assert own.descriptors(2) == added
    own.remove(2)
    own.remove(2)
    assert (own.slots(), descriptors()) == ({0, 1}, before)


def test_the_last_one_goes_when_all_are_closed(own: OwnDoors) -> None:
    own.remove(1)
    own.remove(0)
    assert own.slots() == {0}
    assert own.descriptors(0)


def test_only_a_change_is_steered(own: OwnDoors, monkeypatch: pytest.MonkeyPatch) -> None:
    steered: list[set[int]] = []
    monkeypatch.setattr(own.listeners, "steer", lambda away: steered.append(set(away)))
    own.steer(set())
    own.steer({1})
    own.steer({1, 7})
    own.steer({0, 1})
    own.steer(set())
    assert steered == [{1}, {0, 1}, set()]


def test_one_that_is_added_is_away_until_it_is_steered_to(
    own: OwnDoors, monkeypatch: pytest.MonkeyPatch
) -> None:
    steered: list[set[int]] = []
    own.add(2)
    monkeypatch.setattr(own.listeners, "steer", lambda away: steered.append(set(away)))
    own.steer({2})
    own.steer(set())
    assert steered == [set()]


def test_what_is_closed_may_be_asked_all_the_same(own: OwnDoors) -> None:
    own.close()
    own.steer({1})
    own.remove(1)
    own.close()


def test_a_private_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    made = private_socket(f"unix:{tmp_path}/s")
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    assert made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    made.close()
    before = os.umask(mask)
    assert before == mask


def none(address: str) -> list[socket.socket]:
    return []


@pytest.mark.parametrize("handed_over", [True, False])
def test_at_the_end_nobody_listens_but_a_successor(handed_over: bool) -> None:
    doors = OwnDoors(Listeners(ANY, 1), 1)
    bind = doors.listeners.bind
    kept = os.dup(doors.descriptors(0)[0])
    if handed_over:
        doors.let_go()
    doors.close()
    refused: Any = contextlib.nullcontext()
    if not handed_over:
        refused = pytest.raises(ConnectionRefusedError)
    with refused:
        socket.create_connection((bind.host, bind.port)).close()
    os.close(kept)


def test_few_open_what_is_wanted_once(few: Few) -> None:
    found = few.want(["127.0.0.1:0", ""], none)
    assert (found[""], few.bind_of("")) == ("", "")
    assert found["127.0.0.1:0"] == f"fd:{few.further(0)[0]}"
    assert few.want(["127.0.0.1:0"], none) == {"127.0.0.1:0": found["127.0.0.1:0"]}
    assert few.bind_of("127.0.0.1:0").startswith("127.0.0.1:")
    assert (few.private, len(few.descriptors(0)), len(few.further(0))) == (True, 1, 1)


def test_few_close_what_is_not_kept(few: Few) -> None:
    before = descriptors()
    few.want(["127.0.0.1:0"], none)
    few.keep(["", "127.0.0.1:0"])
    assert descriptors() == before + 1
    few.keep([""])
    assert (descriptors(), few.further(0)) == (before, [])


def test_some_have_what_they_are_to_have_of_few(few: Few) -> None:
    few.want(["127.0.0.1:0", "127.0.0.2:0"], none)
    some = Some(few, ["", "127.0.0.2:0"])
    assert some.further(0) == [few.descriptor("127.0.0.2:0")]
    assert (some.private, some.descriptors(0)) == (True, few.descriptors(0))
    some.close()
    assert len(few.further(0)) == 2


def test_few_close_what_is_not_kept_for_others_too(few: Few) -> None:
    few.want(["127.0.0.1:0"], none)
    bind = few.bind_of("127.0.0.1:0")
    inherited = os.dup(few.descriptor("127.0.0.1:0"))
    few.keep([])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(bind.rpartition(":")[2])))
    os.close(inherited)


def test_few_say_what_cannot_be_had(few: Few) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(ConfigError, match="Address already in use"),
    ):
        few.want([f"127.0.0.1:{other.getsockname()[1]}"], none)
    assert few.further(0) == []
