"""Spawn, through a real server: streams, signals, progress of time and of clients."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from pathlib import Path

import grpc
import grpc.aio
import pytest

from tercet.executor.v1 import executor_pb2 as pb
from tests.support import eventually
from tests.unit.executor.calls import Spawned, Stub, details, result, run, stage
from tests.unit.executor.conftest import Connect, alive


async def test_input_and_output_flow_while_the_program_runs(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("cat")).start()
    assert alive(spawned.pid)
    for word in (b"one", b"two"):
        await spawned.write(word)
        assert await spawned.stdout() == word
    await spawned.close_stdin()
    stdout, stderr, outcome = await spawned.finish()
    assert (stdout, stderr, outcome.exited.code) == (b"", b"", 0)


async def test_half_closing_the_call_closes_the_input(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("wc", count="bytes")).start()
    await spawned.write(b"12345")
    await spawned.call.done_writing()
    stdout, _, outcome = await spawned.finish()
    assert (stdout, outcome.exited.code) == (b"5\n", 0)


async def test_output_and_error_output_are_kept_apart(executor: Stub) -> None:
    spawned = await Spawned(
        executor, stage("shell", script="echo out; echo err >&2; exit 7")
    ).start()
    stdout, stderr, outcome = await spawned.finish()
    assert (stdout, stderr, outcome.exited.code) == (b"out\n", b"err\n", 7)


async def test_a_program_that_cannot_be_started_answers_only_its_outcome(executor: Stub) -> None:
    call = executor.Spawn()
    await call.write(pb.SpawnRequest(start=pb.Start(stage=stage("missing"))))
    event = await call.read()
    assert event.exited.spawn_failed.errno == 2
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1])
async def test_a_signal_that_the_caller_sent_stops_it(executor: Stub, number: int) -> None:
    spawned = await Spawned(executor, stage("sleep", seconds="600")).start()
    await spawned.signal(number)
    _, _, outcome = await spawned.finish()
    assert result(outcome) == "stopped"
    assert outcome.stopped.signal == number
    assert outcome.stopped.name == signal.Signals(number).name


async def test_a_signal_that_the_caller_did_not_send_is_told_apart(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("shell", script="read x; kill -USR1 $$")).start()
    await spawned.signal(signal.SIGCONT)
    await spawned.close_stdin()
    _, _, outcome = await spawned.finish()
    assert outcome.signaled.signal == signal.SIGUSR1


async def test_a_signal_reaches_the_descendants(executor: Stub) -> None:
    script = "sleep 600 & echo $!; wait"
    spawned = await Spawned(executor, stage("shell", script=script)).start()
    descendant = int(await spawned.stdout())
    await spawned.signal(signal.SIGTERM)
    await spawned.finish()
    await eventually(lambda: not alive(descendant))


async def test_a_signal_overtakes_input_that_the_program_does_not_read(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("read_no_stdin")).start()
    assert await spawned.stdout() == b"ready\n"
    await spawned.write(b"x" * 1_000_000)
    await spawned.write(b"y" * 1_000_000)
    await spawned.close_stdin()
    await spawned.signal(signal.SIGTERM)
    _, _, outcome = await spawned.finish()
    assert outcome.stopped.signal == signal.SIGTERM


async def test_input_that_nobody_reads_any_more_is_dropped(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("close_stdin_early")).start()
    assert await spawned.stdout() == b"closed\n"
    for _ in range(5):
        await spawned.write(b"x" * 1_000_000)
    await spawned.signal(signal.SIGTERM)
    _, _, outcome = await spawned.finish()
    assert outcome.stopped.signal == signal.SIGTERM


async def test_a_program_that_ignores_sigterm_is_killed_when_its_time_is_up(
    executor: Stub,
) -> None:
    spawned = await Spawned(executor, stage("ignore_sigterm"), timeout=1).start()
    stdout, _, outcome = await spawned.finish()
    assert stdout == b"ready\n"
    assert outcome.timed_out.forced
    assert outcome.timed_out.limit.seconds == 1


def count(counter: Path) -> int:
    return int((counter.read_text() if counter.exists() else "") or 0)


async def blocked(counter: Path) -> int:
    """Waits until a `count_what_it_writes` gets no further; the bytes that it has got rid of."""
    produced = [-1, 0]
    while produced[-1] != produced[-2] or produced[-1] == 0:
        await asyncio.sleep(0.25)
        produced.append(count(counter))
    return produced[-1]


async def test_a_client_that_does_not_read_blocks_the_program_and_loses_nothing(
    executor: Stub, tmp_path: Path
) -> None:
    size = 64 << 20
    counter = tmp_path / "counter"
    program = stage("count_what_it_writes", counter=str(counter), bytes=str(size))
    spawned = await Spawned(executor, program).start()

    produced = await blocked(counter)
    # What gRPC's flow-control windows and two pipes hold; measured: 6 MiB.
    assert produced < 16 << 20

    stdout, stderr, outcome = await spawned.finish()
    assert outcome.exited.code == 0
    assert len(stdout) == size
    assert hashlib.sha256(stdout).hexdigest() == stderr.decode()


async def test_the_end_of_a_program_waits_for_a_slow_client(executor: Stub) -> None:
    """More than a pipe holds was written; the program is gone when the client begins to read."""
    size = 60_000
    spawned = await Spawned(executor, stage("shell", script=f"head -c {size} /dev/zero")).start()
    await eventually(lambda: not alive(spawned.pid))
    # Longer than the settle time.
    await asyncio.sleep(0.4)
    stdout, _, outcome = await spawned.finish()
    assert len(stdout) == size
    assert not outcome.killed_descendants


async def test_events_are_no_larger_than_promised(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("shell", script="head -c 3000000 /dev/zero")).start()
    sizes = [len(event.stdout) async for event in spawned.events()]
    assert sum(sizes) == 3_000_000
    assert max(sizes) <= 64 << 10


@pytest.mark.parametrize("program", ["sleep", "ignore_sigterm", "print_forever", "read_no_stdin"])
@pytest.mark.parametrize("reading", [False, True])
async def test_a_client_that_cancels_leaves_no_process(
    executor: Stub, program: str, reading: bool
) -> None:
    arguments = {"seconds": "600"} if program == "sleep" else {}
    spawned = await Spawned(executor, stage(program, **arguments)).start()
    if reading and program != "sleep":
        await spawned.stdout()
    spawned.call.cancel()
    await eventually(lambda: not alive(spawned.pid))


async def test_a_deadline_that_passes_leaves_no_process(executor: Stub) -> None:
    call = executor.Spawn(timeout=1)
    program = stage("sleep", seconds="600")
    await call.write(pb.SpawnRequest(start=pb.Start(stage=program)))
    pid = (await call.read()).started.pid
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: not alive(pid))


@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (pb.SpawnRequest(start=pb.Start(stage=stage("cat"))), "start", "OUT_OF_ORDER"),
        (pb.SpawnRequest(signal=pb.Signal(number=0)), "signal.number", "NO_SUCH_SIGNAL"),
        (pb.SpawnRequest(signal=pb.Signal(number=32)), "signal.number", "NO_SUCH_SIGNAL"),
        (pb.SpawnRequest(signal=pb.Signal(number=-9)), "signal.number", "NO_SUCH_SIGNAL"),
        (pb.SpawnRequest(), "request", "OUT_OF_ORDER"),
    ],
)
async def test_a_client_that_breaks_the_protocol_is_told_and_leaves_no_process(
    executor: Stub, request_: pb.SpawnRequest, field: str, reason: str
) -> None:
    spawned = await Spawned(executor, stage("sleep", seconds="600")).start()
    await spawned.call.write(request_)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await spawned.finish()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details(refused.value) == (reason, field, None)
    assert not alive(spawned.pid)


async def test_a_client_that_breaks_the_protocol_without_reading_holds_no_place(
    connect: Connect, tmp_path: Path
) -> None:
    async with connect(max_programs=1) as executor:
        counter = tmp_path / "counter"
        program = stage("count_what_it_writes", counter=str(counter), bytes=str(64 << 20))
        spawned = await Spawned(executor, program).start()
        await blocked(counter)
        await spawned.signal(99)
        await run_as_soon_as_admitted(executor)
        assert not alive(spawned.pid)


async def run_as_soon_as_admitted(executor: Stub) -> None:
    while True:
        try:
            await run(executor, stage("cat"))
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.01)
        else:
            return


async def test_input_after_its_end_is_refused(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("sleep", seconds="600")).start()
    await spawned.close_stdin()
    await spawned.close_stdin()
    await spawned.write(b"late")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await spawned.finish()
    assert details(refused.value) == ("OUT_OF_ORDER", "stdin", None)


async def test_a_signal_after_the_end_harms_nobody(executor: Stub) -> None:
    spawned = await Spawned(executor, stage("shell", script="head -c 200000 /dev/zero")).start()
    # The program blocks on its output, or has ended; the signals come either way.
    for number in (signal.SIGCONT, signal.SIGCONT):
        await spawned.signal(number)
    stdout, _, outcome = await spawned.finish()
    assert (len(stdout), outcome.exited.code) == (200_000, 0)
