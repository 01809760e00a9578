"""The servicer over a real server: listing, refusals, limits, the end of the service."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import grpc
import grpc.aio
import psutil
import pytest

from tercet.errors import ConfigError
from tercet.executor.service import register
from tercet.executor.v1 import executor_pb2 as pb
from tercet.rpc import server
from tests.support import eventually
from tests.unit.executor.calls import Spawned, Stub, details, run, seconds, stage
from tests.unit.executor.conftest import Connect, alive, descriptors


async def test_programs_are_listed_with_their_arguments(executor: Stub) -> None:
    response = await executor.ListPrograms(pb.ListProgramsRequest())
    programs = {program.name: program for program in response.programs}
    assert list(programs) == sorted(programs)
    assert programs["head"].available
    assert not programs["missing"].available
    assert programs["ffmpeg"].timeout.seconds == 3600
    arguments = {each.name: each for each in programs["print_arguments"].arguments}
    assert list(arguments) == ["text", "word", "count", "ratio", "side"]
    assert arguments["word"] == pb.Argument(
        name="word", help="a word", type=pb.ARGUMENT_TYPE_STRING, pattern="[a-z]+"
    )
    assert arguments["count"] == pb.Argument(
        name="count",
        help="a number",
        type=pb.ARGUMENT_TYPE_INTEGER,
        default="3",
        minimum=1,
        maximum=9,
    )
    assert arguments["side"].choices == ["left", "right"]
    (code,) = programs["exit_with"].arguments
    assert code.required
    assert not code.HasField("default")
    lines, *_ = programs["head"].arguments
    assert not lines.HasField("maximum")


CODE = grpc.StatusCode
COPY = {"input": "in", "output": "out"}
REFUSALS = [
    (stage("rm"), CODE.NOT_FOUND, "UNKNOWN_PROGRAM", "program"),
    (stage(""), CODE.NOT_FOUND, "UNKNOWN_PROGRAM", "program"),
    (stage("head", lins="1"), CODE.INVALID_ARGUMENT, "UNKNOWN_ARGUMENT", "arguments.lins"),
    (stage("exit_with"), CODE.INVALID_ARGUMENT, "MISSING_ARGUMENT", "arguments.code"),
    (stage("head", lines="ten"), CODE.INVALID_ARGUMENT, "ARGUMENT_OUT_OF_RANGE", "arguments.lines"),
    (
        stage("exit_with", code="256"),
        CODE.INVALID_ARGUMENT,
        "ARGUMENT_OUT_OF_RANGE",
        "arguments.code",
    ),
    (
        stage("sleep", seconds="nan"),
        CODE.INVALID_ARGUMENT,
        "ARGUMENT_OUT_OF_RANGE",
        "arguments.seconds",
    ),
    (
        stage("sleep", seconds="inf"),
        CODE.INVALID_ARGUMENT,
        "ARGUMENT_OUT_OF_RANGE",
        "arguments.seconds",
    ),
    (stage("echo", text="a\0b"), CODE.INVALID_ARGUMENT, "NUL_IN_ARGUMENT", "arguments.text"),
    (
        stage("ps", style="aux;id"),
        CODE.INVALID_ARGUMENT,
        "ARGUMENT_OUT_OF_RANGE",
        "arguments.style",
    ),
    (stage("cat", file="missing"), CODE.NOT_FOUND, "FILE_NOT_FOUND", "arguments.file"),
    *(
        (stage("cat", file=path), CODE.INVALID_ARGUMENT, reason, "arguments.file")
        for path, reason in [
            ("", "PATH_OUTSIDE_MEDIA_ROOT"),
            ("../secret", "PATH_OUTSIDE_MEDIA_ROOT"),
            ("/etc/passwd", "PATH_OUTSIDE_MEDIA_ROOT"),
            ("link_out/passwd", "PATH_OUTSIDE_MEDIA_ROOT"),
            ("link", "NOT_A_REGULAR_FILE"),
            ("fifo", "NOT_A_REGULAR_FILE"),
            ("folder", "NOT_A_REGULAR_FILE"),
        ]
    ),
    (
        stage("copy", **{**COPY, "output": "link"}),
        CODE.INVALID_ARGUMENT,
        "NOT_A_REGULAR_FILE",
        "arguments.output",
    ),
    (
        stage("copy", **{**COPY, "output": "no/x"}),
        CODE.NOT_FOUND,
        "FILE_NOT_FOUND",
        "arguments.output",
    ),
]


@pytest.mark.parametrize("kind", ["Run", "Spawn"])
@pytest.mark.parametrize(("refused", "code", "reason", "field"), REFUSALS)
async def test_bad_input_is_refused_with_a_clear_status(
    executor: Stub,
    media: Path,
    kind: str,
    refused: pb.Stage,
    code: grpc.StatusCode,
    reason: str,
    field: str,
) -> None:
    (media / "in").touch()
    (media / "folder").mkdir()
    (media / "link").symlink_to("in")
    (media / "link_out").symlink_to("/etc")
    os.mkfifo(media / "fifo")
    # Afterwards the connection is there, with its descriptors.
    await executor.ListPrograms(pb.ListProgramsRequest())
    files, open_before = set(os.listdir(media)), descriptors()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        if kind == "Run":
            # The stage before it is good: what was opened for it must be closed again.
            await run(executor, stage("copy", **COPY), refused)
        else:
            call = executor.Spawn()
            await call.write(pb.SpawnRequest(start=pb.Start(stage=refused)))
            await call.read()
    at = "stages[1]" if kind == "Run" else "start.stage"
    assert raised.value.code() is code
    assert details(raised.value) == (reason, f"{at}.{field}", None)
    assert set(os.listdir(media)) == files
    await eventually(lambda: descriptors() == open_before)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.RunRequest(), "stages"),
        (pb.RunRequest(stages=[stage("cat")] * 17), "stages"),
        (pb.RunRequest(stages=[stage("cat")], timeout=seconds(0)), "timeout"),
        (pb.RunRequest(stages=[stage("cat")], timeout=seconds(-1)), "timeout"),
        (pb.RunRequest(stages=[stage("cat")], max_output_bytes=-1), "max_output_bytes"),
        (pb.RunRequest(stages=[stage("cat")], max_output_bytes=(1 << 20) + 1), "max_output_bytes"),
    ],
)
async def test_a_request_out_of_range_names_its_field(
    executor: Stub, request_: pb.RunRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await executor.Run(request_)
    assert raised.value.code() is CODE.INVALID_ARGUMENT
    assert details(raised.value)[1] == field


@pytest.mark.parametrize("first", [None, pb.SpawnRequest(stdin=b"x"), pb.SpawnRequest()])
async def test_a_spawn_that_does_not_start_with_start_is_refused(
    executor: Stub, first: pb.SpawnRequest | None
) -> None:
    call = executor.Spawn()
    if first is not None:
        await call.write(first)
    await call.done_writing()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert details(raised.value) == ("OUT_OF_ORDER", "start", None)


async def test_a_file_without_a_media_root_is_a_failed_precondition(connect: Connect) -> None:
    async with connect() as executor:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await run(executor, stage("cat", file="x"))
        assert raised.value.code() is CODE.FAILED_PRECONDITION
        assert details(raised.value) == ("NO_MEDIA_ROOT", "stages[0].arguments.file", None)
        # The file was optional: without it the program runs.
        assert (await run(executor, stage("cat"), stdin=b"x")).stdout == b"x"


async def test_programs_beyond_the_limit_are_refused_until_some_have_ended(
    connect: Connect,
) -> None:
    async with connect(max_programs=3) as executor:
        first = await Spawned(executor, stage("sleep", seconds="600")).start()
        second = await Spawned(executor, stage("sleep", seconds="600")).start()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await run(executor, stage("cat"), stage("cat"))
        assert raised.value.code() is CODE.RESOURCE_EXHAUSTED
        assert details(raised.value) == ("TOO_MANY_PROGRAMS", "", 0.5)
        await run(executor, stage("cat"))
        for spawned in (first, second):
            await spawned.signal(signal.SIGKILL)
            await spawned.finish()
        await run(executor, stage("cat"), stage("cat"), stage("cat"))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await run(executor, *[stage("cat")] * 4)
        # More than may ever run: trying again would not help.
        assert raised.value.code() is CODE.INVALID_ARGUMENT


@pytest.mark.parametrize("how", ["cancel", "deadline"])
async def test_a_run_whose_caller_goes_away_leaves_no_process(executor: Stub, how: str) -> None:
    before = set(psutil.Process().children())
    request = pb.RunRequest(stages=[stage("ignore_sigterm"), stage("cat")])
    call = executor.Run(request, timeout=2 if how == "deadline" else None)
    await eventually(lambda: len(psutil.Process().children()) == len(before) + 2)
    started = set(psutil.Process().children()) - before
    if how == "cancel":
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    else:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is CODE.DEADLINE_EXCEEDED
    await eventually(lambda: not any(process.is_running() for process in started))


async def test_the_end_of_the_service_ends_all_programs(connect: Connect) -> None:
    async with connect(grace_seconds=600) as executor:
        stubborn = await Spawned(executor, stage("ignore_sigterm")).start()
        silent = await Spawned(executor, stage("print_forever")).start()
        assert await stubborn.stdout() == b"ready\n"
    assert not alive(stubborn.pid)
    assert not alive(silent.pid)


async def test_nothing_piles_up_over_many_runs(executor: Stub) -> None:
    async def work(number: int) -> None:
        response = await run(executor, stage("echo", text=str(number)), stage("cat"))
        assert response.stdout == b"%d\n" % number

    await asyncio.gather(*map(work, range(4)))
    open_before, threads_before = len(descriptors()), threading.active_count()
    children_before = psutil.Process().children()
    for batch in range(25):
        await asyncio.gather(*(work(batch * 8 + number) for number in range(8)))
    assert len(descriptors()) == open_before
    assert threading.active_count() == threads_before
    assert psutil.Process().children() == children_before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"grace": 1}, "grace"),
        ({"max_programs": 0}, "max_programs is 0"),
        ({"catalogue": "/no/such.toml"}, "cannot be read"),
        ({"media_root": "/no/such"}, "media root"),
    ],
)
async def test_a_wrong_option_keeps_the_service_from_starting(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        register(server(), **options)
