"""Idle connections: opened as a client does, held, and closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import connections

COUNT = 3
# A WINDOW_UPDATE may come before the settings, and has a payload.
FIRST = b"\0\0\4\x08\0\0\0\0\0\0\0\0\1"
HELLO = connections.PREFACE + connections.frame(connections.SETTINGS, 0)
ACKNOWLEDGED = connections.frame(connections.SETTINGS, connections.ACK)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(10)
        yield made


def address(listener: socket.socket) -> str:
    return f"127.0.0.1:{listener.getsockname()[1]}"


def accept(listener: socket.socket, held: threading.Event) -> list[bytes]:
    """What each of them said, and after it the end."""
    said, opened = [], []
    for _ in range(COUNT):
        connection, _ = listener.accept()
        opened.append(connection)
        text = connection.recv(len(HELLO), socket.MSG_WAITALL)
        connection.sendall(FIRST + connections.frame(connections.SETTINGS, 0))
        said.append(text + connection.recv(len(ACKNOWLEDGED), socket.MSG_WAITALL))
    assert held.wait(10)
    for connection in opened:
        assert connection.recv(1) == b""
        connection.close()
    return said


def test_settings_are_exchanged_and_connections_held(listener: socket.socket) -> None:
    held = threading.Event()
    with ThreadPoolExecutor() as executor:
        server = executor.submit(accept, listener, held)
        with connections.idle(address(listener), COUNT):
            held.set()
            assert not server.done()
        assert server.result(10) == [HELLO + ACKNOWLEDGED] * COUNT


def test_over_http1_nothing_is_said(listener: socket.socket) -> None:
    with connections.idle(address(listener), 1, http1=True):
        opened, _ = listener.accept()
    with opened:
        assert opened.recv(1) == b""


def test_a_server_that_hangs_up_is_an_error(listener: socket.socket) -> None:
    def hang_up() -> None:
        opened, _ = listener.accept()
        with opened:
            opened.recv(len(HELLO), socket.MSG_WAITALL)

    with ThreadPoolExecutor() as executor:
        server = executor.submit(hang_up)
        with (
            pytest.raises(ConnectionError, match="closed an idle connection"),
            connections.idle(address(listener), 1),
        ):
            pytest.fail("it was never ready")
        server.result(10)
