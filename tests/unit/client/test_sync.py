from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tercet.client import CallError, SyncClient, connect_sync
from tests.unit.client.fakes import Fakes, in_thread


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[Fakes]:
    with in_thread(f"unix:{tmp_path}/s") as listening:
        yield listening


@pytest.fixture
def client(fakes: Fakes) -> Iterator[SyncClient]:
    with connect_sync(fakes.address) as connected:
        yield connected


def test_calls_need_no_await(client: SyncClient) -> None:
    assert client.compute.echo(values=[2.5]).value == 2.5
    assert client.compute.run("echo", values=[2.5]).value == 2.5
    assert client.executor.head(lines=3).stdout == b"head lines=3\n"
    assert client.compute.list_kernels().threads == 2


def test_errors_are_the_same(client: SyncClient) -> None:
    with pytest.raises(CallError, match="there is no kernel 'x'"):
        client.compute.x()


def test_a_program_is_a_context_manager_and_an_iterator(client: SyncClient) -> None:
    with client.executor.spawn("cat") as run:
        run.write(b"abc")
        run.close_stdin()
        events = list(run)
        assert run.pid == 4711
    assert events[0].data == b"abc"
    assert run.outcome.ok
    with client.executor.spawn("ls") as run:
        assert run.wait().ok


def test_leaving_a_program_early_kills_it(client: SyncClient, fakes: Fakes) -> None:
    with client.executor.spawn("forever") as run:
        next(run)
    assert fakes.executor.cancelled.wait(10)


def test_any_thread_may_call(client: SyncClient) -> None:
    values: list[float] = []
    threads = [
        threading.Thread(target=lambda n=n: values.append(client.compute.echo(x=[n]).value))
        for n in (1.0, 2.0, 3.0)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(values) == [1.0, 2.0, 3.0]


def test_clients_share_one_thread(fakes: Fakes) -> None:
    for _ in range(3):
        with connect_sync(fakes.address) as client:
            client.compute.list_kernels()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("tercet-client") == 1


def test_it_ends_with_the_process(fakes: Fakes) -> None:
    program = (
        "import sys, tercet\n"
        "client = tercet.client.connect_sync(sys.argv[1])\n"
        "print(client.compute.echo(x=[1.5]).value)\n"
        "run = client.executor.spawn('forever').__enter__()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, fakes.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"GRPC_VERBOSITY": "ERROR"},
    )
    assert (done.stdout, done.stderr) == ("1.5\n", "")
    assert fakes.executor.cancelled.wait(10)
