"""Which service takes which socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tercet.cluster.address import Bind
from tercet.cluster.handed import Handed, HandedSockets


@pytest.fixture
def made() -> Iterator[list[socket.socket]]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    yield sockets
    for each in sockets:
        each.close()


def bind_of(one: socket.socket) -> Bind:
    return Handed("", one).bind


def test_each_is_taken_once_by_its_address(made: list[socket.socket]) -> None:
    handed = HandedSockets(Handed("", one) for one in made)
    assert handed.take("shop", bind_of(made[1])) == [made[1]]
    assert handed.take("shop", bind_of(made[1])) == []
    assert len(handed) == 2


def test_several_on_one_port_keep_their_order() -> None:
    first = socket.create_server(("127.0.0.1", 0), reuse_port=True)
    second = socket.create_server(first.getsockname(), reuse_port=True)
    with first, second:
        handed = HandedSockets([Handed("a", second), Handed("a", first)])
        assert handed.take("a", bind_of(first)) == [second, first]


def test_port_0_takes_what_the_service_had(made: list[socket.socket]) -> None:
    handed = HandedSockets([Handed("shop", made[0]), Handed("gateway", made[1])])
    assert handed.take("gateway", Bind("0.0.0.0", 0)) == []
    assert handed.take("other", Bind("127.0.0.1", 0)) == []
    assert handed.take("gateway", Bind("127.0.0.1", 0)) == [made[1]]


def test_the_name_does_not_matter_where_there_is_a_port(made: list[socket.socket]) -> None:
    handed = HandedSockets([Handed("shop", made[0])])
    assert handed.take("renamed", bind_of(made[0])) == [made[0]]


def test_those_that_only_hold_a_port_are_another_kind() -> None:
    # Workers of the stock engine bind it by themselves.
    holding = socket.socket()
    holding.bind(("127.0.0.1", 0))
    with holding:
        handed = HandedSockets([Handed("shop", holding)])
        assert handed.take("shop", bind_of(holding)) == []
        assert handed.take("shop", bind_of(holding), listening=False) == [holding]


@pytest.mark.parametrize(
    ("its", "asked", "fits"),
    [
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "0.0.0.0", False),
        ("127.0.0.1", "::", False),
        ("0.0.0.0", "::", True),
        ("0.0.0.0", "127.0.0.1", False),
    ],
)
def test_all_interfaces_are_not_one_of_them(its: str, asked: str, fits: bool) -> None:
    with socket.create_server((its, 0)) as one:
        handed = HandedSockets([Handed("", one)])
        assert bool(handed.take("", Bind(asked, one.getsockname()[1]))) == fits


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")
def test_ipv6_is_not_served_where_ipv4_was_asked_for() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as one:
        port = one.getsockname()[1]
        handed = HandedSockets([Handed("", one)])
        assert handed.take("", Bind("0.0.0.0", port)) == []
        assert handed.take("", Bind("::", port)) == [one]


def test_the_rest_is_closed_and_told(
    made: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    handed = HandedSockets([Handed("", made[0]), Handed("old", made[1])])
    taken, left = bind_of(made[0]), bind_of(made[1])
    handed.take("", taken)
    handed.close()
    assert made[0].fileno() >= 0 and made[1].fileno() < 0
    assert f"no service wants the socket on {left} (old): it is closed" in caplog.text
    assert str(taken) not in caplog.text
