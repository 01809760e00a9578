"""What systemd hears, over a socket as it makes it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tercet.cluster.notify import Notifier


@pytest.fixture(params=["file", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "abstract":
        return f"@tercet-test-{os.getpid()}-{tmp_path.name}"
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.settimeout(10)
        yield listening


def heard(systemd: socket.socket) -> dict[str, str]:
    fields = systemd.recv(4096).decode().split("\n")
    return dict(field.split("=", 1) for field in fields)


def is_silent(systemd: socket.socket) -> bool:
    systemd.setblocking(False)
    try:
        systemd.recv(4096)
    except BlockingIOError:
        return True
    finally:
        systemd.settimeout(10)
    return False


async def test_a_life(systemd: socket.socket, address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert notifier.enabled
    notifier.status("starting")
    assert heard(systemd) == {"STATUS": "starting"}
    notifier.ready("3 workers")
    assert heard(systemd) == {"READY": "1", "STATUS": "3 workers"}
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading("reload")
    said = heard(systemd)
    assert said.pop("MONOTONIC_USEC").isdigit() and before > 0
    assert said == {"RELOADING": "1", "STATUS": "reload"}
    notifier.reloaded("done")
    assert heard(systemd) == {"READY": "1", "STATUS": "done"}
    notifier.extend(2.5)
    assert heard(systemd) == {"EXTEND_TIMEOUT_USEC": "2500000"}
    notifier.stopping("draining")
    assert heard(systemd) == {"STOPPING": "1", "STATUS": "draining"}
    notifier.close()
    notifier.status("gone")
    assert is_silent(systemd)


async def test_the_time_of_a_reload_is_systemds_clock(systemd: socket.socket, address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready("")
    heard(systemd)
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    notifier.reloading("")
    after = time.clock_gettime(time.CLOCK_MONOTONIC)
    assert before - 1e-5 <= int(heard(systemd)["MONOTONIC_USEC"]) / 1e6 <= after
    notifier.close()


def test_nobody_inherits_the_variables(address: str) -> None:
    environ = {
        "PATH": "/bin",
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "1",
        "WATCHDOG_PID": "1",
    }
    Notifier(environ)
    assert environ == {"PATH": "/bin"}


async def test_a_reload_during_the_start_does_not_end_it(
    systemd: socket.socket, address: str
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.reloading("")
    notifier.reloaded("")
    assert is_silent(systemd)
    notifier.close()


async def test_signs_of_life_come_twice_as_often_as_asked(
    systemd: socket.socket, address: str
) -> None:
    environ = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "40000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    notifier = Notifier(environ)
    assert notifier.watchdog == 0.02
    notifier.ready("")
    assert heard(systemd)["READY"] == "1"
    import asyncio

    loop = asyncio.get_running_loop()
    systemd.setblocking(False)
    for _ in range(3):
        assert await asyncio.wait_for(loop.sock_recv(systemd, 100), 10) == b"WATCHDOG=1"
    # They go on while it reloads and while it stops, and once only.
    notifier.ready("")
    notifier.stopping("")
    assert await asyncio.wait_for(loop.sock_recv(systemd, 100), 10)
    notifier.close()
    systemd.setblocking(False)
    while not is_silent(systemd):
        pass
    await asyncio.sleep(0.05)
    assert is_silent(systemd)


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "0"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({}, 0),
    ],
)
def test_who_is_watched(variables: dict[str, str], seconds: float) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/n", **variables}).watchdog == seconds
    assert Notifier(dict(variables)).watchdog == 0


async def test_the_successor_speaks_and_we_do_not(systemd: socket.socket, address: str) -> None:
    environ = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "60000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    old = Notifier(environ)
    given = old.variables()
    assert given == {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"}
    old.hand_over(4711)
    assert heard(systemd) == {"MAINPID": "4711"}
    old.stopping("")
    old.ready("")
    assert is_silent(systemd)
    new = Notifier(given)
    new.ready("upgraded")
    assert heard(systemd) == {"READY": "1", "STATUS": "upgraded"}
    assert heard(systemd) == {"WATCHDOG": "1"}
    new.close()


async def test_a_status_is_one_line(systemd: socket.socket, address: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.status("one\nMAINPID=1")
    assert heard(systemd) == {"STATUS": "one MAINPID=1"}
    notifier.close()


async def test_without_systemd_nothing_is_said() -> None:
    notifier = Notifier({})
    assert not notifier.enabled and notifier.variables() == {}
    notifier.ready("")
    notifier.hand_over(1)
    notifier.close()


async def test_a_systemd_that_is_gone_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready("")
    assert "cannot tell systemd READY=1: No such file or directory" in caplog.text
    notifier.close()


def test_a_socket_of_another_kind_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert not Notifier({"NOTIFY_SOCKET": "vsock:2:1234"}).enabled
    assert "vsock:2:1234" in caplog.text
