from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tercet
from tercet.client import CallError, ProgramFailed
from tercet.errors import InvalidArgument
from tests.unit.client.fakes import Fakes


async def test_a_program_is_an_ordinary_call(client: tercet.Client, fakes: Fakes) -> None:
    done = await client.executor.head(lines=10, stdin=b"input", timeout=1.5, max_output_bytes=99)
    assert done.stdout == b"head lines=10\ninput"
    assert done.stderr == b"head: done\n"
    assert done.ok
    (request,) = fakes.executor.requests
    assert request.timeout.ToNanoseconds() == 1_500_000_000
    assert request.max_output_bytes == 99


async def test_no_timeout_is_left_to_the_server(client: tercet.Client, fakes: Fakes) -> None:
    await client.executor.run("head")
    assert not fakes.executor.requests[0].HasField("timeout")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (Path("in/a.mp4"), "in/a.mp4"),
        (10, "10"),
        (0.1, "0.1"),
        (1e-7, "1e-07"),
        (np.int64(7), "7"),
        (np.float64(2.5), "2.5"),
    ],
)
async def test_arguments_are_written_as_text(
    client: tercet.Client, fakes: Fakes, value: Any, text: str
) -> None:
    await client.executor.run("echo", x=value)
    assert fakes.executor.requests[0].stages[0].arguments["x"] == text


@pytest.mark.parametrize("value", [True, None, b"bytes", [1]])
async def test_other_types_are_refused_here(client: tercet.Client, value: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await client.executor.run("echo", x=value)
    assert caught.value.field == "stages[0].arguments.x"


async def test_a_name_of_runs_own_goes_through_the_mapping(
    client: tercet.Client, fakes: Fakes
) -> None:
    await client.executor.run("echo", {"stdin": "text", "check": "text"})
    assert dict(fakes.executor.requests[0].stages[0].arguments) == {
        "stdin": "text",
        "check": "text",
    }


async def test_a_pipeline_is_a_list_of_stages(client: tercet.Client) -> None:
    done = await client.executor.pipe(["ps", ("head", {"lines": 10})])
    assert done.stdout == b"ps | head lines=10\n"
    assert [stage.program for stage in done.stages] == ["ps", "head"]
    assert done.stderr == b"ps: done\nhead: done\n"


@pytest.mark.parametrize(
    ("programs", "ok", "exit_code"),
    [
        (["ps", "head"], True, 0),
        (["cut", "head"], True, 0),
        (["head", "cut"], False, 141),
        (["fail", "head"], False, 3),
        (["fail", "crash"], False, 139),
        (["fail", "cut", "head"], False, 3),
    ],
)
async def test_a_pipeline_fails_as_with_pipefail(
    client: tercet.Client, programs: list[str], ok: bool, exit_code: int
) -> None:
    done = await client.executor.pipe(programs)
    assert (done.ok, done.exit_code) == (ok, exit_code)


@pytest.mark.parametrize(
    ("program", "kind", "exit_code", "words"),
    [
        ("head", "exited", 0, "exited with code 0"),
        ("fail", "exited", 3, "exited with code 3"),
        ("crash", "signaled", 139, "was killed by SIGSEGV"),
        ("slow", "timed_out", 124, "ran longer than 5 s and was killed with SIGKILL"),
        ("chatty", "output_limit", 153, "wrote more than 1048576 bytes and was killed"),
        ("absent", "spawn_failed", 127, "could not be started: No such file or directory"),
    ],
)
async def test_outcomes_are_values(
    client: tercet.Client, program: str, kind: str, exit_code: int, words: str
) -> None:
    outcome = (await client.executor.run(program)).outcome
    assert (outcome.kind, outcome.exit_code, outcome.elapsed) == (kind, exit_code, 1.5)
    assert outcome.describe() == words
    assert outcome.ok is (exit_code == 0)


async def test_check_raises_with_the_result(client: tercet.Client) -> None:
    assert (await client.executor.run("head", check=True)).ok
    with pytest.raises(ProgramFailed, match="fail exited with code 3; it said: fail: done") as got:
        await client.executor.run("fail", check=True)
    assert got.value.completed.outcome.code == 3


async def test_a_refusal_is_a_call_error(client: tercet.Client) -> None:
    with pytest.raises(CallError) as caught:
        await client.executor.pipe(["ps", "unknown"])
    assert caught.value.field == "stages[1].program"


async def test_too_large_an_input_points_at_spawn(client: tercet.Client) -> None:
    with pytest.raises(InvalidArgument, match=r"spawn\(\)"):
        await client.executor.head(stdin=bytes(5 << 20))


async def test_cancelling_the_await_kills_the_programs(client: tercet.Client, fakes: Fakes) -> None:
    task = asyncio.ensure_future(client.executor.run("forever"))
    assert await asyncio.to_thread(fakes.executor.started.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(fakes.executor.cancelled.wait, 10)


async def test_programs_are_listed_in_plain_values(client: tercet.Client) -> None:
    (head,) = await client.executor.list_programs()
    (lines,) = head.arguments
    assert (head.name, head.available, head.timeout) == ("head", True, 60)
    assert (lines.type, lines.default, lines.minimum, lines.maximum) == ("integer", "10", 0, 1e6)
    assert lines.required is False
