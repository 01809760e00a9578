"""kill -9 of the supervisor leaves nothing, whatever its workers are doing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.integration.meshes import Mesh, processes_of

STUCK = """
import time
from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2_grpc

class Stuck(Greeter):
    async def SayHello(self, request, context):
        while True:  # holds the event loop for ever
            time.sleep(0.01)

def register(server):
    greeter_pb2_grpc.add_GreeterServicer_to_server(Stuck(), server)
"""

PARENT = """
import subprocess
from examples.greeter import register as greeter

def register(server):
    greeter(server)
    # Processes in groups of their own, as the executor's programs are.
    for _ in range(3):
        subprocess.Popen(["sleep", "600"], process_group=0)
"""

LATE = """
import asyncio, os

async def register(server, *, worker):
    folder = os.path.dirname(worker.spec.address.removeprefix("unix:"))
    open(os.environ["LATE_STARTED"], "w").close()
    # What others leave of the mesh goes first; then there is no place for its socket.
    while os.path.exists(os.path.join(folder, "lock")):
        await asyncio.sleep(0.01)
"""


def kill_and_check(mesh: Mesh) -> None:
    leaders = [mesh.pid, *(worker["pid"] for worker in mesh.workers())]
    assert len(processes_of(leaders)) >= len(leaders) - 1
    os.kill(mesh.pid, signal.SIGKILL)
    mesh.ended()
    # Outside of mesh.wait, which wants the supervisor alive.
    import time

    deadline = time.monotonic() + 2.0
    while processes_of(leaders) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_of(leaders) == []
    assert list(mesh.runtime_dir.iterdir()) == []


def test_idle_workers_end(greeters: Mesh) -> None:
    kill_and_check(greeters)


def test_the_port_is_free_at_once(greeters: Mesh, start: Start) -> None:
    bind = greeters.bind_of("greeter")
    kill_and_check(greeters)
    again = start("serve", "examples.greeter:register", "--workers", "1", "--bind", bind)
    assert again.wait_ready().bind_of("greeter") == bind


def test_a_worker_whose_loop_is_stuck_ends_too(start: Start, tmp_path: Path) -> None:
    import grpc

    from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc

    (tmp_path / "stuck.py").write_text(STUCK)
    mesh = start(
        *("serve", "stuck:register", "--workers", "1", "--bind", "127.0.0.1:0"),
        environ={"PYTHONPATH": str(tmp_path)},
    ).wait_ready()
    with grpc.insecure_channel(mesh.bind_of("stuck")) as to:
        call = greeter_pb2_grpc.GreeterStub(to).SayHello.future(
            greeter_pb2.SayHelloRequest(name="x")
        )
        with pytest.raises(grpc.FutureTimeoutError):
            call.result(timeout=0.5)
        kill_and_check(mesh)


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["started", "forked"])
def test_a_worker_that_is_stopped_ends_too(preload: list[str], start: Start) -> None:
    mesh = start(
        *("serve", "examples.greeter:register", "--workers", "2", "--bind", "127.0.0.1:0"),
        *preload,
    ).wait_ready()
    os.kill(mesh.worker("greeter", 1)["pid"], signal.SIGSTOP)
    kill_and_check(mesh)


def test_the_programs_of_a_worker_end_with_it(start: Start, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    mesh = start(
        *("serve", "parent:register", "--workers", "1", "--bind", "127.0.0.1:0"),
        environ={"PYTHONPATH": str(tmp_path)},
    ).wait_ready()
    worker = mesh.worker("parent")
    assert len(processes_of([worker["pid"]])) == 4
    # First the worker alone: the supervisor sweeps its session ...
    os.kill(worker["pid"], signal.SIGKILL)
    mesh.wait(lambda: mesh.worker("parent")["generation"] == 2)
    # Killed before it was reaped; they end by themselves from there.
    mesh.wait(lambda: processes_of([worker["pid"]]) == [])
    mesh.wait(lambda: mesh.worker("parent")["state"] == "ready")
    # ... then the supervisor: the worker sweeps its own.
    kill_and_check(mesh)


def test_one_that_is_still_starting_does_not_complain(start: Start, tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(LATE)
    started = tmp_path / "started"
    mesh = start(
        *("serve", "late:register", "--workers", "1", "--bind", "127.0.0.1:0"),
        environ={"PYTHONPATH": str(tmp_path), "LATE_STARTED": str(started)},
    )
    mesh.wait(started.exists)
    kill_and_check(mesh)
    # gRPC itself may say in a line that it could not bind.
    assert "cannot start" not in mesh.output()
