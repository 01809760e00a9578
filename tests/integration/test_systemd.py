"""As systemd starts it: with a socket to notify, and with listening sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tercet.cli.workers import as_dict, list_workers
from tercet.cluster.runtime_dir import meshes
from tests.integration.greeting import channel, greet_many
from tests.integration.meshes import ROOT, TERCET
from tests.support import eventually


class Unit:
    """A service manager with one unit.

    Args:
        sockets: Handed to it.
    """

    def __init__(self, *arguments: str, sockets: Sequence[socket.socket] = ()) -> None:
        # Short: a UNIX socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="tercet-test-"))
        (self.folder / "run").mkdir(mode=0o700)
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(self.folder / "notify"))
        self._notified.settimeout(60)
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
        environ |= {
            "TERCET_RUNTIME_DIR": str(self.folder / "run"),
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "WATCHDOG_USEC": "600000",
            "LISTEN_FDS": str(len(sockets)),
            "LISTEN_FDNAMES": ":".join("unknown" for _ in sockets),
        }
        # From 3 on and no others, and meant for the process that is to be the supervisor.
        given = " ".join(f"{3 + n}<&{one.fileno()}" for n, one in enumerate(sockets))
        assert all(one.fileno() >= 3 + len(sockets) for one in sockets)
        given += "".join(f" {one.fileno()}<&-" for one in sockets)
        words = f'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$0" "$@" {given}'
        with (self.folder / "output").open("w") as output:
            self.process = subprocess.Popen(
                ["bash", "-c", words, str(TERCET), *arguments],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[one.fileno() for one in sockets],
            )

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def heard(self) -> dict[str, str]:
        """What it says next that is not a sign of life."""
        while (said := self.next()) == {"WATCHDOG": "1"}:
            pass
        return said

    def next(self) -> dict[str, str]:
        try:
            text = self._notified.recv(4096).decode()
        except TimeoutError:
            raise AssertionError(self.output()) from None
        return dict(line.split("=", 1) for line in text.split("\n"))

    def ready(self) -> None:
        assert self.heard() == {"READY": "1", "STATUS": "serving"}, self.output()

    def workers(self) -> list[dict[str, object]]:
        (running,) = meshes(self.folder / "run")
        return [as_dict(each) for each in list_workers(running)]

    def binds(self) -> set[str]:
        return {str(each["bind"]) for each in self.workers() if each["service"] == "greeter"}

    def close(self) -> None:
        for path in meshes(self.folder / "run"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.name), signal.SIGTERM)
        try:
            self.process.wait(30)
            deadline = time.monotonic() + 30
            while meshes(self.folder / "run"):
                assert time.monotonic() < deadline, self.output()
                time.sleep(0.02)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._notified.close()
            shutil.rmtree(self.folder)


def greeters(bind: str, workers: int = 2) -> list[str]:
    command = ["serve", "examples.greeter:register", "--workers", str(workers), "--bind", bind]
    return [*command, "--grace", "2"]


@contextlib.contextmanager
def running(*arguments: str, sockets: Sequence[socket.socket] = ()) -> Iterator[Unit]:
    unit = Unit(*arguments, sockets=sockets)
    try:
        yield unit
    finally:
        unit.close()


def listening(count: int, *, together: bool = False) -> list[socket.socket]:
    """Sockets as systemd makes them; together: on one port, as with ReusePort=yes."""
    made = [socket.create_server(("127.0.0.1", 0), reuse_port=together)]
    while len(made) < count:
        address = made[0].getsockname() if together else ("127.0.0.1", 0)
        made.append(socket.create_server(address, reuse_port=together))
    return made


def test_it_tells_of_its_life() -> None:
    with running(*greeters("127.0.0.1:0")) as unit:
        unit.ready()
        assert unit.next() == {"WATCHDOG": "1"}
        assert unit.next() == {"WATCHDOG": "1"}
        unit.process.send_signal(signal.SIGHUP)
        said = unit.heard()
        assert said["RELOADING"] == "1" and said["MONOTONIC_USEC"].isdigit()
        assert unit.heard()["READY"] == "1"
        # What a worker says is not the service's word, nor is it given the sockets' names.
        for worker in unit.workers():
            environ = Path(f"/proc/{worker['pid']}/environ").read_text()
            for name in ("NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_"):
                assert name not in environ
        unit.process.send_signal(signal.SIGTERM)
        assert unit.heard()["STOPPING"] == "1"
        assert unit.process.wait(30) == 0


def test_a_supervisor_that_is_stuck_is_silent() -> None:
    with running(*greeters("127.0.0.1:0", workers=1)) as unit:
        unit.ready()
        assert unit.next() == {"WATCHDOG": "1"}
        unit.process.send_signal(signal.SIGSTOP)
        try:
            unit._notified.settimeout(1.0)
            with pytest.raises(AssertionError):
                # One may have been on its way.
                for _ in range(2):
                    unit.next()
        finally:
            unit.process.send_signal(signal.SIGCONT)
        unit._notified.settimeout(60)
        assert unit.next() == {"WATCHDOG": "1"}


def test_after_an_upgrade_the_new_one_is_the_main_process() -> None:
    with running(*greeters("127.0.0.1:0", workers=1)) as unit:
        unit.ready()
        unit.process.send_signal(signal.SIGUSR2)
        said = unit.heard()
        assert said.keys() == {"MAINPID"}
        # The old one says no more: STOPPING would be taken for the service's.
        unit.ready()
        assert unit.next() == {"WATCHDOG": "1"}
        assert unit.process.wait(30) == 0
        (running_now,) = meshes(unit.folder / "run")
        assert running_now.name == said["MAINPID"]


async def serves(bind: str, pids: set[object]) -> None:
    """Each worker takes calls there, each on a connection of its own."""
    found: set[object] = set()

    async def call() -> None:
        async with channel(bind) as to:
            tally = await greet_many(to, 1)
            assert not tally.failures
            found.update(tally.pids)

    async with asyncio.timeout(60):
        while found != pids:
            await call()


@pytest.mark.parametrize(
    "made",
    [
        pytest.param((1, False), id="one"),
        pytest.param((2, True), id="one for each worker"),
    ],
)
async def test_sockets_from_systemd_are_served(made: tuple[int, bool]) -> None:
    count, together = made
    sockets = listening(count, together=together)
    host, port = sockets[0].getsockname()
    with running(*greeters(f"{host}:{port}"), sockets=sockets) as unit:
        # A connection may come before there is anybody.
        async with channel(f"{host}:{port}") as early:
            waiting = asyncio.create_task(greet_many(early, 1))
            await asyncio.to_thread(unit.ready)
            assert not (await waiting).failures
        assert unit.binds() == {f"{host}:{port}"}
        pids = {each["pid"] for each in unit.workers() if each["service"] == "greeter"}
        assert len(pids) == 2
        await serves(f"{host}:{port}", pids)
        unit.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(unit.process.wait, 30) == 0
        # It is systemd's: who comes now waits for the next one.
        with socket.create_connection((host, port), timeout=10):
            pass
    for each in sockets:
        each.close()


def test_more_than_there_are_workers_are_refused() -> None:
    sockets = listening(2, together=True)
    host, port = sockets[0].getsockname()
    with running(*greeters(f"{host}:{port}", workers=1), sockets=sockets) as unit:
        assert unit.process.wait(30) == 78
        assert f"there are 2 sockets on {host}:{port}, and 1 workers of greeter" in unit.output()
    for each in sockets:
        each.close()


async def test_one_that_no_service_wants_is_told_and_closed() -> None:
    sockets = listening(2)
    host, port = sockets[0].getsockname()
    unwanted = "{}:{}".format(*sockets[1].getsockname())
    with running(*greeters(f"{host}:{port}", workers=1), sockets=sockets) as unit:
        await asyncio.to_thread(unit.ready)
        assert f"no service wants the socket on {unwanted}" in unit.output()
        inode = os.fstat(sockets[1].fileno()).st_ino
        processes = [unit.process.pid, *(each["pid"] for each in unit.workers())]
        await eventually(lambda: not any(inode in held(each) for each in processes))
    for each in sockets:
        each.close()


def held(pid: object) -> set[int]:
    """Inodes of what a process has open."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(entry.stat().st_ino)
    return found
