"""USR2: a new supervisor takes the sockets over while callers call, or the old one goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tercet.cli.workers import as_dict, list_workers
from tercet.cluster.runtime_dir import meshes
from tests.integration.greeting import Tally, channel, greet
from tests.integration.meshes import Mesh, processes_of, run

MODULE = """
import os
from examples.greeter import register as greeter

def register(server):
    greeter(server)
"""
BROKEN = """
raise RuntimeError("the new code is broken")
"""
SLOW = """
import asyncio, os
from examples.greeter import register as greeter

async def register(server):
    open(os.environ["SLOW_STARTED"], "w").close()
    await asyncio.sleep(600)
"""
CONFIG = """
[cluster]
pid_file = "{folder}/tercet.pid"
health = "127.0.0.1:0"
grace = 2.0
boot_timeout = {boot_timeout}

[gateway]
bind = "127.0.0.1:0"
workers = 2

[compute]
enabled = false

[executor]
enabled = false

[services.greeter]
target = "upgraded:register"
workers = 2
bind = "127.0.0.1:0"
"""


class Upgraded:
    """A mesh that may become another process.

    Args:
        folder: Where its module, its configuration and its pid file are.
        more: Further words of the command.
    """

    def __init__(self, folder: Path, *more: str, boot_timeout: float = 60.0) -> None:
        self.folder = folder
        self.write(MODULE)
        self.configure(CONFIG, boot_timeout=boot_timeout)
        self.mesh = Mesh(
            *("up", "--config", str(folder / "tercet.toml"), *more),
            environ={"PYTHONPATH": _path(folder), "SLOW_STARTED": str(folder / "started")},
        )
        self.first = self.mesh.pid

    def write(self, module: str) -> None:
        (self.folder / "upgraded.py").write_text(module)

    def configure(self, config: str, **values: object) -> None:
        text = config.format(folder=self.folder, **values)
        (self.folder / "tercet.toml").write_text(text)

    @property
    def pid(self) -> int:
        """As the pid file has it."""
        return int((self.folder / "tercet.pid").read_text())

    def workers(self, pid: int) -> list[dict[str, object]]:
        return [as_dict(each) for each in list_workers(self.mesh.runtime_dir / str(pid))]

    def bind_of(self, service: str) -> str:
        workers = self.workers(self.pid)
        return next(str(each["bind"]) for each in workers if each["service"] == service)

    def supervisors(self) -> list[int]:
        return [int(path.name) for path in meshes(self.mesh.runtime_dir)]

    def upgrade(self) -> int:
        """Sends USR2 and waits until the new supervisor is the only one; its pid."""
        old = self.pid
        os.kill(old, signal.SIGUSR2)
        wait(lambda: self.pid != old and old not in self.supervisors(), self.mesh.output)
        return self.pid

    def close(self) -> None:
        for pid in {self.first, *self.supervisors()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            wait(lambda: not self.supervisors(), self.mesh.output)
        finally:
            for pid in self.supervisors():
                os.kill(pid, signal.SIGKILL)
            self.mesh.close()


def wait(condition: Callable[[], bool], told: Callable[[], str], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {told()}"
        time.sleep(0.02)


def _path(folder: Path) -> str:
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[Upgraded]:
    made = Upgraded(tmp_path)
    try:
        made.mesh.wait_ready()
        yield made
    finally:
        made.close()


@asynccontextmanager
async def callers(address: str, count: int = 16) -> AsyncIterator[Tally]:
    """So many who call without a pause, each on a connection of its own."""
    tally = Tally()
    done = asyncio.Event()

    async def call() -> None:
        async with channel(address) as to:
            while not done.is_set():
                await greet(to, tally)

    tasks = [asyncio.create_task(call()) for _ in range(count)]
    try:
        yield tally
    finally:
        done.set()
        await asyncio.gather(*tasks)


async def test_no_call_through_the_gateway_fails(upgraded: Upgraded) -> None:
    gateway = upgraded.bind_of("gateway")
    async with callers(gateway) as tally:
        before = {each["pid"] for each in upgraded.workers(upgraded.pid)}
        for _ in range(2):
            old = upgraded.pid
            new = await asyncio.to_thread(upgraded.upgrade)
            assert new != old
            assert upgraded.bind_of("gateway") == gateway
        after = {each["pid"] for each in upgraded.workers(upgraded.pid)}
        assert not before & after
        seen = len(tally.pids)
        await asyncio.to_thread(
            wait, lambda: after & tally.pids.keys() != set(), upgraded.mesh.output
        )
    assert tally.failures == {}
    # Two greeters, three times.
    assert len(tally.pids) == 6, seen
    assert upgraded.supervisors() == [upgraded.pid]


async def test_every_address_stays(upgraded: Upgraded) -> None:
    before = {str(each["service"]): each["bind"] for each in upgraded.workers(upgraded.pid)}
    assert set(before) == {"control", "gateway", "greeter"} and all(before.values())
    await asyncio.to_thread(upgraded.upgrade)
    after = {str(each["service"]): each["bind"] for each in upgraded.workers(upgraded.pid)}
    assert after == before
    assert upgraded.mesh.exit_code() == 0


async def test_what_was_scaled_stays_so(upgraded: Upgraded) -> None:
    environ = {"TERCET_RUNTIME_DIR": str(upgraded.mesh.runtime_dir)}
    scaled = await asyncio.to_thread(run, "scale", "greeter", "3", environ=environ)
    assert scaled.returncode == 0, scaled.stderr
    await asyncio.to_thread(upgraded.upgrade)
    services = [each["service"] for each in upgraded.workers(upgraded.pid)]
    assert services.count("greeter") == 3


async def test_new_code_and_configuration_are_in_force(upgraded: Upgraded) -> None:
    more = CONFIG.replace("workers = 2\nbind", "workers = 3\nbind").replace(
        'bind = "127.0.0.1:0"\nworkers = 2', 'bind = "127.0.0.1:0"\nworkers = 1'
    )
    gateway = upgraded.bind_of("gateway")
    async with callers(gateway, 8) as tally:
        upgraded.configure(more, boot_timeout=60)
        await asyncio.to_thread(upgraded.upgrade)
        services = [each["service"] for each in upgraded.workers(upgraded.pid)]
        assert services.count("greeter") == 3
        assert services.count("gateway") == 1
        # And back, while it is the new one that has less than it was given.
        upgraded.configure(CONFIG, boot_timeout=60)
        await asyncio.to_thread(upgraded.upgrade)
        services = [each["service"] for each in upgraded.workers(upgraded.pid)]
        assert services.count("greeter") == 2
        assert services.count("gateway") == 2
    assert tally.failures == {}


async def test_workers_that_bind_by_themselves_follow_too(tmp_path: Path) -> None:
    # The stock engine cannot take a socket over: those of both share the port for a while.
    upgraded = Upgraded(tmp_path, "--engine", "grpcio")
    try:
        upgraded.mesh.wait_ready()
        bind = upgraded.bind_of("greeter")
        async with callers(upgraded.bind_of("gateway"), 8) as tally:
            await asyncio.to_thread(upgraded.upgrade)
        assert tally.failures == {}
        assert upgraded.bind_of("greeter") == bind
        async with channel(bind) as to:
            await greet(to, tally)
        assert tally.failures == {}
    finally:
        await asyncio.to_thread(upgraded.close)


async def test_broken_code_leaves_the_old_one_serving(upgraded: Upgraded) -> None:
    old = upgraded.pid
    async with callers(upgraded.bind_of("gateway")) as tally:
        upgraded.write(BROKEN)
        os.kill(old, signal.SIGUSR2)
        await asyncio.to_thread(
            wait, lambda: "upgrade has failed" in upgraded.mesh.output(), upgraded.mesh.output
        )
        assert upgraded.pid == old
        assert upgraded.supervisors() == [old]
        made = sum(tally.pids.values())
        await asyncio.to_thread(
            wait, lambda: sum(tally.pids.values()) > made + 100, upgraded.mesh.output
        )
        # Nothing is in the way of another try.
        upgraded.write(MODULE)
        assert await asyncio.to_thread(upgraded.upgrade) != old
    assert tally.failures == {}
    assert "this mesh goes on: greeter/" in upgraded.mesh.output()


async def test_a_broken_configuration_leaves_the_old_one_serving(upgraded: Upgraded) -> None:
    old = upgraded.pid
    async with callers(upgraded.bind_of("gateway"), 4) as tally:
        upgraded.configure("[cluster]\nnonsense = 1\n")
        os.kill(old, signal.SIGUSR2)
        await asyncio.to_thread(
            wait,
            lambda: (
                "this mesh goes on: the new supervisor exited with 78" in upgraded.mesh.output()
            ),
            upgraded.mesh.output,
        )
    assert tally.failures == {}
    assert upgraded.pid == old


def test_a_port_of_somebody_else_is_the_cause(upgraded: Upgraded) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        changed = CONFIG.replace('[gateway]\nbind = "127.0.0.1:0"', f'[gateway]\nbind = "{taken}"')
        assert changed != CONFIG
        upgraded.configure(changed, boot_timeout=60)
        os.kill(upgraded.first, signal.SIGUSR2)
        wait(lambda: "upgrade has failed" in upgraded.mesh.output(), upgraded.mesh.output)
    assert f"this mesh goes on: cannot bind {taken}" in upgraded.mesh.output()
    assert upgraded.pid == upgraded.first


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[tuple[Upgraded, int]]:
    """An upgrade whose successor is on its way, and never ready; and its pid."""
    made = Upgraded(tmp_path)
    try:
        made.mesh.wait_ready()
        made.write(SLOW)
        os.kill(made.pid, signal.SIGUSR2)
        wait((tmp_path / "started").exists, made.mesh.output)
        (new,) = (pid for pid in made.supervisors() if pid != made.first)
        yield made, new
    finally:
        made.close()


def sessions(upgraded: Upgraded, pid: int) -> list[int]:
    """Leaders of the sessions of a supervisor's workers."""
    found = [int(str(each["pid"])) for each in upgraded.workers(pid)]
    assert processes_of(found)
    return found


async def test_a_new_supervisor_that_is_killed_takes_its_workers_along(
    starting: tuple[Upgraded, int],
) -> None:
    upgraded, new = starting
    workers = sessions(upgraded, new)
    async with callers(upgraded.bind_of("gateway"), 4) as tally:
        os.kill(new, signal.SIGKILL)
        await asyncio.to_thread(
            wait, lambda: "killed by SIGKILL" in upgraded.mesh.output(), upgraded.mesh.output
        )
        await asyncio.to_thread(wait, lambda: not processes_of(workers), upgraded.mesh.output)
        made = sum(tally.pids.values())
        await asyncio.to_thread(
            wait, lambda: sum(tally.pids.values()) > made + 50, upgraded.mesh.output
        )
    assert tally.failures == {}
    assert upgraded.pid == upgraded.first


def test_a_stop_meanwhile_ends_both(starting: tuple[Upgraded, int]) -> None:
    upgraded, new = starting
    workers = sessions(upgraded, new) + sessions(upgraded, upgraded.first)
    os.kill(upgraded.first, signal.SIGTERM)
    assert upgraded.mesh.ended() == 0
    assert processes_of(workers) == []
    assert upgraded.supervisors() == []
    assert list(upgraded.mesh.runtime_dir.iterdir()) == []
    assert not (upgraded.folder / "tercet.pid").exists()


def test_if_the_old_one_is_killed_the_new_one_serves(upgraded: Upgraded) -> None:
    bind = upgraded.bind_of("greeter")
    os.kill(upgraded.first, signal.SIGUSR2)
    # Its runtime directory is there before its workers are.
    wait(lambda: len(upgraded.supervisors()) == 2, upgraded.mesh.output)
    os.kill(upgraded.first, signal.SIGKILL)
    wait(lambda: upgraded.pid != upgraded.first, upgraded.mesh.output)
    assert upgraded.bind_of("greeter") == bind


def test_a_second_one_meanwhile_is_ignored(starting: tuple[Upgraded, int]) -> None:
    upgraded, new = starting
    # Nor does the new one begin another.
    os.kill(new, signal.SIGUSR2)
    wait(
        lambda: "no upgrade: the mesh is not ready" in upgraded.mesh.output(), upgraded.mesh.output
    )
    os.kill(upgraded.first, signal.SIGUSR2)
    wait(lambda: "under way already" in upgraded.mesh.output(), upgraded.mesh.output)
    assert sorted(upgraded.supervisors()) == sorted([upgraded.first, new])


def test_one_that_is_not_ready_in_time_is_given_up(tmp_path: Path) -> None:
    upgraded = Upgraded(tmp_path, boot_timeout=4.0)
    try:
        upgraded.mesh.wait_ready()
        upgraded.write(SLOW)
        # The new one would wait longer for its workers than the old one does for it.
        upgraded.configure(CONFIG, boot_timeout=60)
        os.kill(upgraded.first, signal.SIGUSR2)
        wait(lambda: "it was not ready after 4 s" in upgraded.mesh.output(), upgraded.mesh.output)
        assert upgraded.pid == upgraded.first
        wait(lambda: upgraded.supervisors() == [upgraded.first], upgraded.mesh.output)
    finally:
        upgraded.close()
