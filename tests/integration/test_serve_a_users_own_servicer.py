"""`tercet serve`: a plain grpc.aio servicer on several processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tests.integration.conftest import Start
from tests.integration.greeting import channel, greet_many
from tests.integration.meshes import Mesh, run

FACTORY = """
import asyncio
from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc

class Polite(Greeter):
    def __init__(self, worker, title):
        self.worker, self.title = worker, title

    async def SayHello(self, request, context):
        spec = self.worker.spec
        return greeter_pb2.SayHelloResponse(message=f"{self.title} {spec.service} {spec.slot}")

async def register(server, *, worker, title):
    await asyncio.sleep(0)
    greeter_pb2_grpc.add_GreeterServicer_to_server(Polite(worker, title), server)

    async def close():
        print("closed in order", flush=True)

    return close
"""


async def test_the_gateway_balances_calls_of_one_connection(greeters: Mesh) -> None:
    async with channel(greeters.gateway) as to:
        tally = await greet_many(to, 400)
    assert not tally.failures
    assert set(tally.pids) == {worker["pid"] for worker in greeters.workers("greeter")}
    # Without the gateway one of them has none; how even it is depends on who is slower.
    assert min(tally.pids.values()) > 40


async def test_the_shared_port_reaches_the_workers_directly(greeters: Mesh) -> None:
    pids = set()
    for _ in range(40):
        # The kernel spreads connections, not calls.
        async with channel(greeters.bind_of("greeter")) as to:
            tally = await greet_many(to, 3)
            assert not tally.failures
            pids |= set(tally.pids)
    assert pids == {worker["pid"] for worker in greeters.workers("greeter")}


async def test_streams_pass_whole(greeters: Mesh) -> None:
    async with channel(greeters.gateway) as to:
        stub = greeter_pb2_grpc.GreeterStub(to)
        request = greeter_pb2.SayHellosRequest(name="you", count=5000)
        pids = [answer.pid async for answer in stub.SayHellos(request)]
    assert len(pids) == 5000
    assert len(set(pids)) == 1


def test_register_may_be_async_take_options_and_the_worker_and_return_a_closer(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "polite.py").write_text(FACTORY)
    mesh = start(
        *("serve", "polite:register", "--workers", "1", "--bind", "127.0.0.1:0"),
        *("--option", "title=Dr"),
        environ={"PYTHONPATH": str(tmp_path)},
    ).wait_ready()
    with grpc.insecure_channel(mesh.bind_of("polite")) as to:
        stub = greeter_pb2_grpc.GreeterStub(to)
        assert stub.SayHello(greeter_pb2.SayHelloRequest(name="x")).message == "Dr polite 0"
    assert mesh.stop() == 0
    assert "closed in order\n" in mesh.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nope:register"], "there is no module 'nope'"),
        (["examples.nope:register"], "there is no module 'examples.nope'"),
        (["examples.greeter:nope"], "has no function 'nope'"),
        (["examples.greeter:register", "--option", "x=1"], "unexpected keyword argument 'x'"),
        (["examples.greeter:register", "--engine", "steam"], "there is no engine 'steam'"),
    ],
)
def test_what_can_never_start_ends_with_its_cause(
    arguments: list[str], complaint: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    ended = run(
        *("serve", *arguments, "--bind", "127.0.0.1:0", "--workers", "2"),
        environ={"TERCET_RUNTIME_DIR": "/tmp/tercet-test-never"},
    )
    assert ended.returncode == 78, ended.stderr
    assert complaint in ended.stderr


def test_an_error_in_the_users_module_shows_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def register(server):\n    raise RuntimeError('my bug')\n")
    ended = run(
        *("serve", "broken:register", "--bind", "127.0.0.1:0", "--workers", "1"),
        environ={"TERCET_RUNTIME_DIR": "/tmp/tercet-test-never", "PYTHONPATH": str(tmp_path)},
    )
    assert ended.returncode == 78
    assert "RuntimeError: my bug" in ended.stderr
    assert 'broken.py", line 2' in ended.stderr


async def test_oversized_messages_are_refused_and_the_worker_goes_on(greeters: Mesh) -> None:
    async with channel(greeters.gateway) as to:
        stub = greeter_pb2_grpc.GreeterStub(to)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.SayHello(greeter_pb2.SayHelloRequest(name="x" * (5 << 20)))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        tally = await asyncio.wait_for(greet_many(to, 10), 20)
    assert not tally.failures
