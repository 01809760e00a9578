"""A worker from its spec to its end, with the test for its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tercet.cluster.messages import Bound, Failed, Leaving, Pulse, Report, Stop
from tercet.cluster.spec import CANNOT_START
from tercet.rpc import ENGINES
from tests.support import eventually
from tests.unit.cluster.worker.hired import Hired, calling, hired

HELLO = greeter_pb2.SayHelloRequest(name="you")

SLOW = """
import asyncio, os
from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc

class Slow(Greeter):
    async def SayHello(self, request, context):
        print("taken", flush=True)
        await asyncio.sleep(float(request.name))
        return greeter_pb2.SayHelloResponse(message="done", pid=os.getpid())

def register(server):
    greeter_pb2_grpc.add_GreeterServicer_to_server(Slow(), server)
"""

HOOKS = """
import asyncio
from examples.greeter import register as greeter

def register(server, *, worker):
    greeter(server)

    def plain(text):
        return lambda: print(text, flush=True)

    def late(text):
        async def hook():
            await asyncio.sleep(0.01)
            print(text, flush=True)
        return hook

    def broken():
        raise RuntimeError("my bug")

    for made in (plain, late):
        kind = made.__name__
        worker.on_ready(made(f"{kind} ready"))
        worker.on_drain(made(f"{kind} drain"))
        worker.on_close(made(f"{kind} close"))
        worker.on_reopen(made(f"{kind} reopen"))
    for add in (worker.on_ready, worker.on_drain, worker.on_close, worker.on_reopen):
        add(broken)
"""


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a module of some source for workers, and returns the target in it."""
    inherited = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{inherited}")

    def make(source: str) -> str:
        (tmp_path / "made.py").write_text(source)
        return "made:register"

    return make


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=64)


async def greet(address: str) -> Any:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as to:
        return await greeter_pb2_grpc.GreeterStub(to).SayHello(
            HELLO, timeout=20, wait_for_ready=True
        )


def address_of(made: socket.socket) -> str:
    return "{}:{}".format(*made.getsockname())


# -- listeners ------------------------------------------------------------------------------------


async def test_it_accepts_on_sockets_that_it_has_inherited() -> None:
    with listener() as made:
        number = made.fileno()
        async with hired(descriptors=[number], listeners=[number]) as worker:
            await worker.bound()
            assert (await greet(address_of(made))).pid == worker.pid


async def test_two_workers_share_one_and_either_may_go() -> None:
    with listener() as made:
        number = made.fileno()
        inherits: dict[str, Any] = {"descriptors": [number], "listeners": [number]}
        async with hired(**inherits) as old:
            await old.bound()
            async with hired(**inherits) as new:
                await new.bound()
                old.link.send(Stop(5.0))
                assert await old.ended() == 0
                answers = [await greet(address_of(made)) for _ in range(8)]
                assert {answer.pid for answer in answers} == {new.pid}


async def test_who_connects_while_nobody_accepts_waits_for_the_successor() -> None:
    with listener() as made:
        number = made.fileno()
        inherits: dict[str, Any] = {"descriptors": [number], "listeners": [number]}
        async with hired(**inherits) as first:
            await first.bound()
            os.kill(first.pid, signal.SIGKILL)
            await first.ended()
        waiting = asyncio.create_task(greet(address_of(made)))
        async with hired(**inherits) as second:
            await second.bound()
            assert (await waiting).pid == second.pid


async def test_its_private_socket_may_be_inherited_too(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
        made.listen()
        before = path.stat().st_ino
        number = made.fileno()
        async with hired(
            descriptors=[number],
            listeners=[number],
            address=f"unix:{path}",
            address_inherited=True,
        ) as worker:
            await worker.bound()
            async with calling(worker) as to:
                answer = await greeter_pb2_grpc.GreeterStub(to).SayHello(HELLO, timeout=20)
            assert answer.pid == worker.pid
            worker.link.send(Stop(5.0))
            assert await worker.ended() == 0
            # Its successor accepts on the same.
            assert path.stat().st_ino == before


STARTER = """
import subprocess, sys
from examples.greeter import register as greeter

LISTING = '''
import os, sys
print(sys.argv[1], *sorted(map(int, os.listdir("/proc/self/fd")))[:-1])
'''

def start(when):
    # As careless code starts programs: what it does not close itself, they have.
    subprocess.run([sys.executable, "-c", LISTING, when], close_fds=False, check=True)

start("import")

def register(server, *, worker):
    greeter(server)
    worker.on_ready(lambda: start("ready"))
"""


async def test_programs_that_it_starts_have_the_streams_and_nothing_else(
    engine: str, module: Any
) -> None:
    with listener() as made:
        number = made.fileno()
        inherits: dict[str, Any] = {"descriptors": [number]}
        if engine == "native":
            inherits["listeners"] = [number]
        async with hired(module(STARTER), engine=engine, **inherits) as worker:
            await worker.bound()
            await worker.until(lambda: "ready" in worker.output)
            lines = worker.output.splitlines()
            assert lines == ["import 0 1 2", "ready 0 1 2"]


# -- what it says of itself -----------------------------------------------------------------------


async def test_it_sends_pulses_with_its_counts(engine: str, module: Any) -> None:
    async with hired(module(SLOW), engine=engine, pulse=0.02) as worker:
        await worker.bound()
        await worker.until(lambda: bool(worker.heard(Pulse)))
        first = worker.heard(Pulse)[0]
        assert (first.calls, first.in_flight, first.pool_wait) == (0, 0, -1)
        async with calling(worker) as to:
            slow = greeter_pb2_grpc.GreeterStub(to).SayHello(
                greeter_pb2.SayHelloRequest(name="600")
            )
            await worker.until(lambda: worker.heard(Pulse)[-1].in_flight == 1)
            assert worker.heard(Pulse)[-1].calls == 1
            slow.cancel()
            await worker.until(lambda: worker.heard(Pulse)[-1].in_flight == 0)


async def test_its_statistics_go_out_as_json(engine: str) -> None:
    async with hired(engine=engine) as worker:
        await worker.bound()
        async with calling(worker) as to:
            await greeter_pb2_grpc.GreeterStub(to).SayHello(HELLO, timeout=20)
        path = "/examples.greeter.v1.Greeter/SayHello"

        def newest() -> dict[str, Any]:
            reports = worker.heard(Report)
            return dict(msgspec.json.decode(reports[-1].statistics)) if reports else {}

        await worker.until(lambda: newest().get("calls") == {path: {"0": 1}})
        found = newest()
        assert (found["calls_running"], found["streams_begun"]) == (0, 1)
        assert len(found["latency"][path]) == len(found["latency_buckets"]) + 1
        assert sum(found["latency"][path]) == 1
        assert set(found["loop"]) == {"lag", "pool_wait"}


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("raise RuntimeError('my bug\\nmore of it')", "RuntimeError: my bug"),
        ("def register(server): ...", "made:register registered no service"),
        ("def register(server) ...", "SyntaxError: expected ':' (made.py, line 1)"),
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise SystemExit", "SystemExit"),
    ],
)
async def test_why_it_cannot_start_is_said_in_a_line(source: str, cause: str, module: Any) -> None:
    async with hired(module(source)) as worker:
        assert await worker.ended() == CANNOT_START
        await eventually(lambda: worker.heard(Failed) == [Failed(cause)])
        assert worker.heard(Bound) == []


async def test_its_log_is_json_if_that_is_wished(module: Any) -> None:
    async with hired(module("raise RuntimeError('my bug')"), log_format="json") as worker:
        await worker.ended()
        [line] = map(msgspec.json.decode, worker.output.splitlines())
        assert (line["worker"], line["level"]) == ("hired/0", "error")
        assert line["message"] == "cannot start made:register"
        assert line["exception"].endswith("RuntimeError: my bug")


# -- the end --------------------------------------------------------------------------------------


async def begin(worker: Hired, to: grpc.aio.Channel, seconds: float) -> Any:
    call = greeter_pb2_grpc.GreeterStub(to).SayHello(greeter_pb2.SayHelloRequest(name=str(seconds)))
    await worker.until(lambda: "taken" in worker.output)
    return call


async def test_a_stop_lets_running_calls_finish(engine: str, module: Any) -> None:
    async with hired(module(SLOW), engine=engine) as worker, calling(await worker.bound()) as to:
        call = await begin(worker, to, 0.5)
        worker.link.send(Stop(10.0))
        assert (await call).message == "done"
        assert await worker.ended() == 0


async def test_a_stop_cuts_calls_at_the_end_of_the_grace(engine: str, module: Any) -> None:
    async with hired(module(SLOW), engine=engine) as worker, calling(await worker.bound()) as to:
        call = await begin(worker, to, 600)
        worker.link.send(Stop(0.3))
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        assert await worker.ended() == 0


async def test_a_term_is_told_and_it_serves_until_it_is_told_to_stop(engine: str) -> None:
    async with hired(engine=engine) as worker, calling(await worker.bound()) as to:
        stub = greeter_pb2_grpc.GreeterStub(to)
        for _ in range(2):
            os.kill(worker.pid, signal.SIGTERM)
            await worker.until(lambda: worker.heard(Leaving) != [])
        assert (await stub.SayHello(HELLO, timeout=20)).pid == worker.pid
        worker.link.send(Stop(5.0))
        assert await worker.ended() == 0
        assert worker.heard(Leaving) == [Leaving()]


async def test_after_a_term_it_serves_for_as_long_as_the_supervisor_is_busy(engine: str) -> None:
    made = hired(engine=engine, grace=0.1, pulse=0.02)
    async with made as worker, calling(await worker.bound()) as to:
        os.kill(worker.pid, signal.SIGTERM)
        await worker.until(lambda: worker.heard(Leaving) != [])
        seen = len(worker.heard(Pulse))
        await worker.until(lambda: len(worker.heard(Pulse)) > seen + 20)
        stub = greeter_pb2_grpc.GreeterStub(to)
        assert (await stub.SayHello(HELLO, timeout=20)).pid == worker.pid


async def test_a_stop_and_a_term_at_once_are_one_stop(engine: str, module: Any) -> None:
    async with hired(module(SLOW), engine=engine) as worker, calling(await worker.bound()) as to:
        call = await begin(worker, to, 0.5)
        worker.link.send(Stop(10.0))
        os.kill(worker.pid, signal.SIGTERM)
        assert (await call).message == "done"
        assert await worker.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_signals_of_a_terminal_are_the_supervisors(number: signal.Signals) -> None:
    async with hired(pulse=0.02) as worker:
        await worker.bound()
        os.kill(worker.pid, number)
        seen = len(worker.heard(Pulse))
        await worker.until(lambda: len(worker.heard(Pulse)) > seen + 2)


async def test_an_abort_writes_down_the_stacks_and_ends_it(module: Any) -> None:
    stuck = "import time\nprint('here', flush=True)\ntime.sleep(600)"
    async with hired(module(stuck)) as worker:
        await worker.until(lambda: "here" in worker.output)
        os.kill(worker.pid, signal.SIGABRT)
        assert await worker.ended() == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in worker.output
        assert "made.py" in worker.output


# -- hooks ----------------------------------------------------------------------------------------


async def test_hooks_are_called_plain_or_async_and_one_that_fails_is_told(module: Any) -> None:
    async with hired(module(HOOKS)) as worker:
        await worker.bound()
        await worker.until(lambda: "late ready" in worker.output)
        os.kill(worker.pid, signal.SIGUSR1)
        await worker.until(lambda: "late reopen" in worker.output)
        worker.link.send(Stop(5.0))
        assert await worker.ended() == 0
        lines = worker.output.splitlines()
        ends = [line for line in lines if line.split()[0] in ("plain", "late")]
        assert ends == [
            *("plain ready", "late ready", "plain reopen", "late reopen"),
            *("plain drain", "late drain", "late close", "plain close"),
        ]
        for what in ("an on_ready", "an on_reopen", "an on_drain", "a closer"):
            assert f"hired/0: {what} of made:register failed; all else goes on" in lines


async def test_a_drain_hook_that_takes_too_long_has_the_grace_and_no_more(module: Any) -> None:
    source = """
import asyncio
from examples.greeter import register as greeter

def register(server, *, worker):
    greeter(server)
    worker.on_drain(lambda: asyncio.sleep(600))
"""
    async with hired(module(source)) as worker:
        await worker.bound()
        before = time.monotonic()
        worker.link.send(Stop(0.3))
        assert await worker.ended() == 0
        assert time.monotonic() - before >= 0.3


# -- the log's file -------------------------------------------------------------------------------


async def test_usr1_has_it_write_to_a_new_file(tmp_path: Path, module: Any) -> None:
    source = """
import logging
from examples.greeter import register as greeter

def register(server, *, worker):
    greeter(server)
    worker.on_reopen(lambda: logging.getLogger().warning("opened anew"))
"""
    path = tmp_path / "log"
    async with hired(module(source), log=str(path)) as worker:
        await worker.bound()
        # What it has inherited is another file: as if it had been renamed while it started.
        await worker.until(path.exists)
        path.rename(tmp_path / "old")
        os.kill(worker.pid, signal.SIGUSR1)
        await worker.until(lambda: path.exists() and "opened anew" in path.read_text())
        assert "opened anew" not in (tmp_path / "old").read_text()
        assert path.stat().st_mode & 0o777 == 0o644 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_it_is_pinned_with_all_its_threads() -> None:
    cpu = min(os.sched_getaffinity(0))
    async with hired(cpu=cpu) as worker:
        await worker.bound()
        for thread in os.listdir(f"/proc/{worker.pid}/task"):
            assert os.sched_getaffinity(int(thread)) == {cpu}


async def test_a_cpu_that_there_is_not_is_a_warning() -> None:
    async with hired(cpu=1023) as worker:
        await worker.bound()
        assert "hired/0: cannot pin it to CPU 1023" in worker.output
