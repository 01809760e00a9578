"""Sockets as systemd hands them over: by number, to one pid."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tercet.cluster.activation import activated


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Three that listen, on descriptors in a row."""
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    yield made
    for each in made:
        each.close()


def in_a_row(*descriptors: int) -> int:
    """Duplicates them to numbers that follow each other; the first of those."""
    first = 700
    for index, descriptor in enumerate(descriptors):
        os.dup2(descriptor, first + index, inheritable=True)
    return first


def variables(count: int, names: str = "", pid: int | None = None) -> dict[str, str]:
    given = {"LISTEN_FDS": str(count), "LISTEN_PID": str(pid or os.getpid()), "HOME": "/"}
    return given | ({"LISTEN_FDNAMES": names} if names else {})


def test_they_are_adopted(sockets: list[socket.socket]) -> None:
    first = in_a_row(*(each.fileno() for each in sockets))
    environ = variables(3, "gateway:unknown:health")
    found = activated(environ, first=first)
    assert [each.socket.getsockname() for each in found] == [s.getsockname() for s in sockets]
    assert [each.name for each in found] == ["gateway", "", "health"]
    assert [each.socket.fileno() for each in found] == [first, first + 1, first + 2]
    # A worker gets its own by number, and nothing else gets any.
    assert not any(each.socket.get_inheritable() for each in found)
    assert environ == {"HOME": "/"}
    for each in found:
        each.socket.close()


def test_without_names(sockets: list[socket.socket]) -> None:
    (found,) = activated(variables(1), first=in_a_row(sockets[0].fileno()))
    assert found.name == ""
    found.socket.close()


def test_those_for_another_process_are_left(sockets: list[socket.socket]) -> None:
    environ = variables(1, pid=1)
    first = in_a_row(sockets[0].fileno())
    assert activated(environ, first=first) == []
    assert environ == {"HOME": "/"}
    os.close(first)


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())}])
def test_without_systemd_there_are_none(environ: dict[str, str]) -> None:
    assert activated(environ) == []


def test_what_a_server_cannot_accept_on_is_closed(
    sockets: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    reading, writing = os.pipe()
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as idle:
        first = in_a_row(udp.fileno(), idle.fileno(), reading, sockets[0].fileno())
    (found,) = activated(variables(4, "udp:idle:pipe:good"), first=first)
    assert found.name == "good"
    found.socket.close()
    for descriptor in (first, first + 1, first + 2):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    for name in ("udp", "idle", "pipe"):
        assert f"({name})" in caplog.text
    for descriptor in (reading, writing):
        os.close(descriptor)


def test_more_than_there_are_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    assert activated(variables(1), first=899) == []
    assert "descriptor 899" in caplog.text
