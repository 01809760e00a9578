"""Ctrl-C and TERM: running calls finish, everything ends, nothing is left."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import grpc
import pytest

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tercet.rpc import ENGINES
from tests.integration.conftest import Start
from tests.integration.greeting import channel
from tests.integration.meshes import Mesh, processes_of
from tests.support import eventually

SLOW = """
import asyncio, os
from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc

class Slow(Greeter):
    async def SayHello(self, request, context):
        open(os.environ["SLOW_STARTED"], "w").close()
        await asyncio.sleep(float(request.name))
        return greeter_pb2.SayHelloResponse(message="done", pid=os.getpid())

def register(server):
    greeter_pb2_grpc.add_GreeterServicer_to_server(Slow(), server)
"""


BAD_CLOSER = """
from examples.greeter import register as greeter

def register(server, *, worker):
    greeter(server)

    async def first():
        print("closed all the same", flush=True)

    async def second():
        raise RuntimeError("my bug")

    worker.on_close(first)
    return second
"""


@pytest.fixture(params=sorted(ENGINES))
def slow(start: Start, tmp_path: Path, request: pytest.FixtureRequest) -> Mesh:
    (tmp_path / "slow.py").write_text(SLOW)
    return start(
        *("serve", "slow:register", "--workers", "1", "--bind", "127.0.0.1:0"),
        *("--gateway", "127.0.0.1:0", "--grace", "3", "--engine", request.param),
        environ={"PYTHONPATH": str(tmp_path), "SLOW_STARTED": str(tmp_path / "started")},
    ).wait_ready()


async def begin(
    mesh: Mesh, to: grpc.aio.Channel, seconds: float, started: Path
) -> asyncio.Task[str]:
    stub = greeter_pb2_grpc.GreeterStub(to)

    async def call() -> str:
        return str((await stub.SayHello(greeter_pb2.SayHelloRequest(name=str(seconds)))).message)

    task = asyncio.create_task(call())
    await eventually(started.exists)
    return task


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_running_call_finishes_and_nothing_is_left(
    slow: Mesh, number: signal.Signals, tmp_path: Path
) -> None:
    leaders = [worker["pid"] for worker in slow.workers()]
    async with channel(slow.gateway) as to:
        call = await begin(slow, to, 1.0, tmp_path / "started")
        slow.signal(number)
        assert await call == "done"
        assert await asyncio.to_thread(slow.ended) == 0
    assert processes_of(leaders) == []
    assert list(slow.runtime_dir.iterdir()) == []


async def test_a_call_that_outlasts_the_grace_is_cut_and_told(slow: Mesh, tmp_path: Path) -> None:
    async with channel(slow.gateway) as to:
        call = await begin(slow, to, 600, tmp_path / "started")
        slow.signal(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert await asyncio.to_thread(slow.ended) == 0


async def test_the_stages_of_a_stop_share_one_grace(slow: Mesh, tmp_path: Path) -> None:
    # A call through the gateway uses up the grace; one straight to the worker gets no second.
    async with channel(slow.gateway) as to, channel(slow.bind_of("slow")) as direct:
        first = await begin(slow, to, 600, tmp_path / "started")
        (tmp_path / "started").unlink()
        second = await begin(slow, direct, 600, tmp_path / "started")
        before = time.monotonic()
        slow.signal(signal.SIGTERM)
        assert await asyncio.to_thread(slow.ended) == 0
        # 3 s of grace, and at most the margin of 2 s after which a worker is killed: two graces
        # would be 6 s at the least.
        assert time.monotonic() - before < 6
        for call in (first, second):
            with pytest.raises(grpc.aio.AioRpcError):
                await call


async def test_a_second_signal_ends_it_at_once(slow: Mesh, tmp_path: Path) -> None:
    leaders = [worker["pid"] for worker in slow.workers()]
    async with channel(slow.gateway) as to:
        call = await begin(slow, to, 600, tmp_path / "started")
        slow.signal(signal.SIGINT)
        await asyncio.to_thread(slow.wait, lambda: "stopping" in slow.output())
        slow.signal(signal.SIGINT)
        assert await asyncio.to_thread(slow.ended) == 0
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    assert "killing what is left" in slow.output()
    assert processes_of(leaders) == []


async def test_idle_connections_and_health_watches_do_not_hold_a_stop(slow: Mesh) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    async with channel(slow.gateway) as to, channel(slow.bind_of("slow")) as direct:
        watches = []
        for each in (to, direct):
            watch = health_pb2_grpc.HealthStub(each).Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            watches.append(watch)
        slow.signal(signal.SIGTERM)
        for watch in watches:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await asyncio.to_thread(slow.ended) == 0
    # The grace is 3 s for each stage; had a watch held it, the supervisor would have said so.
    assert "did not end within its grace" not in slow.output()


def test_ctrl_c_while_it_starts(start: Start) -> None:
    mesh = start("serve", "examples.greeter:register", "--bind", "127.0.0.1:0")
    mesh.wait(lambda: mesh.folder.exists())
    mesh.signal(signal.SIGINT)
    assert mesh.ended() in (0, 130)
    assert list(mesh.runtime_dir.iterdir()) == []


def test_a_closer_that_fails_is_told_and_the_others_run(start: Start, tmp_path: Path) -> None:
    (tmp_path / "closing.py").write_text(BAD_CLOSER)
    mesh = start(
        *("serve", "closing:register", "--workers", "1", "--bind", "127.0.0.1:0"),
        environ={"PYTHONPATH": str(tmp_path)},
    ).wait_ready()
    assert mesh.stop() == 0
    assert "closed all the same\n" in mesh.stdout
    assert "a closer of closing:register failed" in mesh.output()
    assert "RuntimeError: my bug" in mesh.output()
    assert "cannot start" not in mesh.output()
