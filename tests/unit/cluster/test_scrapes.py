"""The HTTP server for scrapes, and clients that mean harm."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tercet.cluster import scrapes
from tercet.cluster.address import Bind
from tercet.cluster.scrapes import Listener, only_metrics
from tercet.errors import ConfigError


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture(params=["127.0.0.1:0", "[::1]:0"])
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    made = Listener(Bind.parse(request.param), hello)
    yield made
    made.stop()


def get(listener: Listener) -> bytes:
    host = listener.server_name
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.server_port}/"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def connect(listener: Listener) -> socket.socket:
    return socket.create_connection((listener.server_name, listener.server_port), timeout=30)


def wait(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_answers(listener: Listener) -> None:
    assert get(listener) == b"hello"
    wait(lambda: not listener._open)


def test_others_may_listen_there_too(listener: Listener) -> None:
    second = Listener(Bind(listener.server_name, listener.server_port), hello)
    listeners = [listener, second]
    assert {get(each) for each in listeners} == {b"hello"}
    second.stop()
    assert get(listener) == b"hello"


def test_a_port_that_is_taken_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        bind = Bind("127.0.0.1", other.getsockname()[1])
        with pytest.raises(ConfigError, match=f"cannot bind {bind} for metrics"):
            Listener(bind, hello)


def test_no_more_than_so_many_at_once(listener: Listener) -> None:
    idle = [connect(listener) for _ in range(scrapes.MOST)]
    wait(lambda: len(listener._open) == scrapes.MOST)
    with connect(listener) as refused:
        assert refused.recv(1) == b""
    for each in idle:
        each.close()
    wait(lambda: not listener._open)
    assert get(listener) == b"hello"


def test_one_that_dribbles_is_cut_off(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrapes, "LONGEST", 0.2)
    with connect(listener) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n")
        ended = threading.Event()

        def dribble() -> None:
            while not ended.wait(0.05):
                try:
                    slow.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            # The end, or the reset of what was sent afterwards.
            while slow.recv(1000):
                pass
        except ConnectionError:
            pass
        finally:
            ended.set()
            thread.join()
    wait(lambda: not listener._open)


def test_garbage_is_answered_or_closed(listener: Listener) -> None:
    for garbage in (
        b"\x00\xff\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"x" * 70_000 + b"\n",
    ):
        with connect(listener) as client:
            client.sendall(garbage)
            try:
                while client.recv(1000):
                    pass
            except ConnectionError:
                continue
    assert get(listener) == b"hello"


def test_a_stop_waits_for_nobody(listener: Listener) -> None:
    with connect(listener) as idle:
        wait(lambda: len(listener._open) == 1)
        listener.stop()
        assert idle.recv(1) == b""
        with pytest.raises(ConnectionError):
            connect(listener)
        # For the fixture, which stops it once more.
        listener.shutdown = lambda: None  # type: ignore[method-assign]


def test_a_socket_that_listens_already_is_taken() -> None:
    made = socket.create_server(("127.0.0.1", 0))
    # Another process would hold it as well; what is connected now waits for whoever accepts.
    with made, socket.create_connection(made.getsockname(), timeout=30) as early:
        listener = Listener(made.dup(), hello)
        early.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert early.recv(1000).startswith(b"HTTP/1.0 200 OK")
        assert get(listener) == b"hello"
        listener.stop()
        # It goes on listening: the next one is answered by a successor.
        with socket.create_connection(made.getsockname(), timeout=30):
            successor = Listener(made.dup(), hello)
            assert get(successor) == b"hello"
            successor.stop()


def test_a_connection_that_another_process_took_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as made:
        listener = Listener(made.dup(), hello)
        # What it does when it was woken and came too late.
        with pytest.raises(BlockingIOError):
            listener.get_request()
        listener.stop()


@pytest.mark.parametrize(
    ("path", "status", "length"),
    [("/metrics", "200 OK", 5), ("/", "404 Not Found", len("metrics are at /metrics\n"))],
)
def test_head_is_get_without_a_body(path: str, status: str, length: int) -> None:
    asked: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ["REQUEST_METHOD"])
        return hello(environ, start_response)

    made = Listener(Bind.parse("127.0.0.1:0"), only_metrics(app))
    with connect(made) as client, client.makefile("rb") as answer:
        client.sendall(f"HEAD {path} HTTP/1.0\r\n\r\n".encode())
        told = answer.read().decode()
    made.stop()
    assert told.startswith(f"HTTP/1.0 {status}\r\n")
    assert f"Content-Length: {length}\r\n" in told
    assert "Content-Type: text/plain" in told
    assert told.endswith("\r\n\r\n")
    assert asked == ["GET"] * (path == "/metrics")


def test_busy_applications_say_so_to_head_too() -> None:
    def busy(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise TimeoutError

    begun: list[Any] = []
    environ = {"REQUEST_METHOD": "HEAD", "PATH_INFO": "/metrics"}
    assert list(only_metrics(busy)(environ, lambda *those: begun.extend(those))) == []
    assert begun[0] == "503 Service Unavailable"
