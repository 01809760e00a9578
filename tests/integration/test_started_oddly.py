"""As daemons and cron start things: streams closed, nobody reading them, signals ignored."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tercet.cli.workers import find, list_workers, state_of
from tercet.cluster.v1 import cluster_pb2
from tercet.errors import Unavailable
from tests.integration.meshes import ROOT, TERCET

TALKER = """
import logging
from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2_grpc

class Talker(Greeter):
    async def SayHello(self, request, context):
        for _ in range(10):
            logging.getLogger("shop").warning("somebody is here")
        return await super().SayHello(request, context)

def register(server):
    greeter_pb2_grpc.add_GreeterServicer_to_server(Talker(), server)
"""

GOOD = f"{TERCET} serve examples.greeter:register --workers 1 --bind 127.0.0.1:0"
BAD = f"{TERCET} serve nope:register --workers 1 --bind 127.0.0.1:0"


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
    # Short: a UNIX socket's path has at most 107 bytes.
    folder = tempfile.mkdtemp(prefix="tercet-test-")
    monkeypatch.setenv("TERCET_RUNTIME_DIR", folder)
    yield kept | {"TERCET_RUNTIME_DIR": folder}
    os.rmdir(folder)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("exec {} <&- >&- 2>&-", id="all streams closed"),
        pytest.param("{} 2>&1 >/dev/null | true; exit ${{PIPESTATUS[0]}}", id="nobody reads"),
        pytest.param("exec env --ignore-signal=CHLD {}", id="SIGCHLD ignored"),
    ],
)
def test_what_can_never_start_ends_with_78(how: str, environ: dict[str, str]) -> None:
    ended = subprocess.run(
        ["bash", "-c", how.format(BAD)], cwd=ROOT, env=environ, timeout=60, check=False
    )
    assert ended.returncode == 78


def wait_ready(started: subprocess.Popen[bytes], generation: int = 1) -> list[cluster_pb2.Worker]:
    """Until the greeter of that generation and all others are ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert started.poll() is None
        try:
            workers = list_workers(find(str(started.pid)))
        except Unavailable:
            workers = []
        greeters = [each.generation for each in workers if each.service == "greeter"]
        if greeters == [generation] and {state_of(each) for each in workers} == {"ready"}:
            return workers
        time.sleep(0.02)
    raise AssertionError("it was not ready in time")


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", "</dev/null >/dev/full 2>/dev/full"])
def test_a_mesh_that_cannot_speak_serves_and_stops(streams: str, environ: dict[str, str]) -> None:
    with subprocess.Popen(["bash", "-c", f"exec {GOOD} {streams}"], cwd=ROOT, env=environ) as mesh:
        try:
            wait_ready(mesh)
            # Nothing of ours has been opened in a stream's place.
            links = {os.readlink(f"/proc/{mesh.pid}/fd/{stream}") for stream in range(3)}
            assert links <= {"/dev/null", "/dev/full"}
        finally:
            mesh.terminate()
        assert mesh.wait(20) == 0


def full_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"x" * 512)
    os.set_blocking(writing, True)
    return reading, writing


def test_a_full_pipe_that_nobody_reads_does_not_stop_the_supervisor(
    environ: dict[str, str],
) -> None:
    reading, writing = full_pipe()
    with subprocess.Popen(
        GOOD.split(), cwd=ROOT, env=environ, stdout=writing, stderr=writing
    ) as mesh:
        try:
            victim = next(each for each in wait_ready(mesh) if each.service == "greeter")
            os.kill(victim.pid, signal.SIGKILL)
            wait_ready(mesh, generation=2)
        finally:
            mesh.terminate()
        assert mesh.wait(20) == 0
    for each in (reading, writing):
        os.close(each)


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["started", "forked"])
def test_a_worker_that_logs_does_not_wait_for_who_reads_it(
    preload: list[str], environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "greeter.py").write_text(TALKER)
    reading, writing = full_pipe()
    command = GOOD.replace("examples.greeter:", "greeter:").split() + preload
    path = f"{tmp_path}{os.pathsep}{environ.get('PYTHONPATH', '')}"
    with subprocess.Popen(
        command, cwd=ROOT, env=environ | {"PYTHONPATH": path}, stdout=writing, stderr=writing
    ) as mesh:
        try:
            worker = next(each for each in wait_ready(mesh) if each.service == "greeter")
            with grpc.insecure_channel(worker.bind) as to:
                stub = greeter_pb2_grpc.GreeterStub(to)
                for _ in range(2):
                    said = stub.SayHello(greeter_pb2.SayHelloRequest(name="you"), timeout=15)
                    assert said.pid == worker.pid
        finally:
            mesh.terminate()
        assert mesh.wait(20) == 0
    for each in (reading, writing):
        os.close(each)
