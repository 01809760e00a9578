from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import grpc
import pytest

import tercet
from tercet.client import CallError, Outcome, Progress, Stderr, Stdout
from tests.unit.client.fakes import TERM, Fakes


async def test_events_come_in_order_and_the_outcome_last(client: tercet.Client) -> None:
    async with client.executor.spawn("ls", path=".") as run:
        assert run.pid == 4711
        events = [event async for event in run]
    assert events[:2] == [Stdout(b"ls path=.\n"), Stderr(b"ls: done\n")]
    assert isinstance(events[2], Outcome)
    assert run.outcome is events[2]


async def test_progress_is_in_seconds(client: tercet.Client) -> None:
    async with client.executor.spawn("convert", timeout=3) as run:
        progress = [event async for event in run if isinstance(event, Progress)]
    assert [event.fraction for event in progress] == [0, 0.25, 0.5, 0.75, 1]
    assert progress[1] == Progress(fraction=0.25, position=1, duration=4, frames=25, speed=2)


async def test_input_is_written_beside_the_reading(client: tercet.Client) -> None:
    sent = bytes(range(256)) * 4096
    received = bytearray()

    async def feed() -> None:
        await run.write(sent)
        await run.close_stdin()

    async with client.executor.spawn("cat") as run, asyncio.TaskGroup() as tasks:
        tasks.create_task(feed())
        async for event in run:
            if isinstance(event, Stdout):
                received += event.data
    assert received == sent
    assert run.outcome is not None
    assert run.outcome.ok


async def test_a_signal_ends_it(client: tercet.Client) -> None:
    async with client.executor.spawn("cat") as run:
        await run.signal(TERM)
        outcome = await run.wait()
    assert (outcome.kind, outcome.signal, outcome.signal_name) == ("stopped", TERM, "SIGTERM")
    assert outcome.describe() == "was stopped by SIGTERM, as asked"
    assert outcome.exit_code == 143


async def test_writing_to_one_that_has_ended_is_a_broken_pipe(client: tercet.Client) -> None:
    async with client.executor.spawn("ls") as run:
        await run.wait()
        with pytest.raises(BrokenPipeError):
            await run.write(b"late")
        # Reading on is no error: there is nothing more.
        assert [event async for event in run] == []


async def test_a_write_that_meets_the_end_costs_nothing(client: tercet.Client) -> None:
    # Each round races; grpc.aio overwrites the status of a call in which a write failed.
    for _ in range(100):
        async with client.executor.spawn("ls") as run:
            closing = asyncio.create_task(run.close_stdin())
            events = [event async for event in run]
            with contextlib.suppress(BrokenPipeError):
                await closing
        assert len(events) == 3


async def test_a_refusal_is_raised_on_entering(client: tercet.Client) -> None:
    with pytest.raises(CallError, match="see ListPrograms") as caught:
        async with client.executor.spawn("unknown"):
            pytest.fail("entered")
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


async def test_one_that_cannot_be_started_has_only_an_outcome(client: tercet.Client) -> None:
    async with client.executor.spawn("absent") as run:
        assert (run.pid, run.outcome) == (0, None)
        (event,) = [event async for event in run]
    assert run.outcome is event
    assert isinstance(event, Outcome)
    assert (event.kind, event.errno, event.exit_code) == ("spawn_failed", 2, 127)


async def test_nobody_there_is_raised_on_entering(tmp_path: Path) -> None:
    async with tercet.connect(f"unix:{tmp_path}/nobody") as client:
        with pytest.raises(CallError) as caught:
            async with client.executor.spawn("cat"):
                pytest.fail("entered")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


async def test_leaving_early_kills_it(client: tercet.Client, fakes: Fakes) -> None:
    async with client.executor.spawn("forever") as run:
        await anext(run)
    assert await asyncio.to_thread(fakes.executor.cancelled.wait, 10)
    assert run.outcome is None


async def test_it_must_be_entered_first(client: tercet.Client) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await client.executor.spawn("cat").close_stdin()
