"""Run, through a real server: programs, pipelines and their limits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support import eventually
from tests.unit.executor.calls import Stub, result, run, shell, stage
from tests.unit.executor.conftest import Connect, alive


async def test_a_program_gets_its_input_and_gives_its_output(executor: Stub) -> None:
    response = await run(executor, stage("cat"), stdin=b"\0\xff text")
    assert response.stdout == b"\0\xff text"
    (only,) = response.stages
    assert only.program == "cat"
    assert result(only.outcome) == "exited"
    assert only.outcome.exited.code == 0
    assert only.outcome.elapsed.ToNanoseconds() > 0
    assert not only.outcome.killed_descendants


async def test_arguments_arrive_as_they_were_written(executor: Stub) -> None:
    text = "$(reboot) `x` ; | & > * ~ ' \" \\ \n é --flag"
    response = await run(executor, stage("print_arguments", text=text, word="w"))
    assert response.stdout.decode().splitlines() == [
        *(ascii(text), "'w'", "'3'", "'0.5'", "'left'")
    ]


async def test_an_exit_code_is_an_outcome_and_no_error(executor: Stub) -> None:
    response = await run(executor, stage("exit_with", code="42"))
    assert response.stages[0].outcome.exited.code == 42


async def test_the_output_of_each_stage_is_the_input_of_the_next(executor: Stub) -> None:
    stages = [stage("sort", by="numeric"), stage("head", lines="2"), stage("wc", count="lines")]
    response = await run(executor, *stages, stdin=b"3\n1\n2\n")
    assert response.stdout == b"2\n"
    assert [each.outcome.exited.code for each in response.stages] == [0, 0, 0]


async def test_ps_aux_head_10(executor: Stub) -> None:
    response = await run(executor, stage("ps", style="aux"), stage("head", lines="10"))
    lines = response.stdout.decode().splitlines()
    assert lines[0].split()[:2] == ["USER", "PID"]
    assert 2 <= len(lines) <= 10
    assert response.stages[1].outcome.exited.code == 0


async def test_a_program_whose_reader_has_enough_ends_by_sigpipe(executor: Stub) -> None:
    response = await run(executor, stage("print_forever"), stage("head", lines="1"))
    assert response.stdout == b"0000000\n"
    first, second = (each.outcome for each in response.stages)
    assert result(first) == "signaled"
    assert first.signaled.name == "SIGPIPE"
    assert second.exited.code == 0


async def test_a_program_that_ends_before_its_input_is_read_is_no_error(executor: Stub) -> None:
    response = await run(executor, stage("exit_with", code="0"), stdin=b"x" * 1_000_000)
    assert response.stages[0].outcome.exited.code == 0


async def test_a_program_that_cannot_be_started_is_an_outcome(executor: Stub) -> None:
    stages = [stage("echo", text="x"), stage("missing"), stage("wc", count="bytes")]
    response = await run(executor, *stages)
    assert response.stages[1].outcome.spawn_failed.errno == 2
    assert "nonexistent" not in response.stages[1].outcome.spawn_failed.message
    # As in a shell: the one after it sees an empty input.
    assert response.stdout == b"0\n"


async def test_a_signal_of_the_programs_own_is_told(executor: Stub) -> None:
    (only,) = (await run(executor, stage("kill_self"))).stages
    assert only.outcome.signaled.signal == signal.SIGSEGV
    assert only.outcome.signaled.name == "SIGSEGV"


async def test_a_program_that_runs_too_long_is_ended(executor: Stub) -> None:
    (only,) = (await run(executor, stage("sleep", seconds="600"), timeout=0.1)).stages
    assert result(only.outcome) == "timed_out"
    assert only.outcome.timed_out.limit.ToMilliseconds() == 100
    assert not only.outcome.timed_out.forced


async def test_a_request_cannot_lengthen_the_catalogues_limit(executor: Stub) -> None:
    (only,) = (await run(executor, stage("impatient"), timeout=500)).stages
    assert only.outcome.timed_out.limit.ToMilliseconds() == 200


async def test_a_program_that_ignores_sigterm_is_killed(executor: Stub) -> None:
    response = await run(executor, stage("ignore_sigterm"), timeout=1)
    (only,) = response.stages
    assert only.outcome.timed_out.forced
    # What it had written is not lost.
    assert response.stdout == b"ready\n"


async def test_a_stopped_program_is_ended_too(executor: Stub) -> None:
    (only,) = (await run(executor, stage("stop_self"), timeout=1)).stages
    assert result(only.outcome) == "timed_out"
    assert not only.outcome.timed_out.forced


async def test_success_after_sigterm_does_not_hide_a_timeout(executor: Stub) -> None:
    (only,) = (await run(executor, stage("exit_zero_on_sigterm"), timeout=1)).stages
    assert result(only.outcome) == "timed_out"


async def test_all_of_a_pipeline_is_ended_when_it_runs_too_long(executor: Stub) -> None:
    stages = [stage("sleep", seconds="600"), stage("ignore_sigterm"), stage("cat")]
    response = await run(executor, *stages, timeout=1)
    assert {result(each.outcome) for each in response.stages} == {"timed_out"}
    assert [each.outcome.timed_out.forced for each in response.stages] == [False, True, False]


async def test_what_is_written_beyond_the_limit_ends_the_pipeline(executor: Stub) -> None:
    response = await run(executor, stage("print_forever"), stage("cat"), max_output_bytes=1000)
    assert len(response.stdout) == 1000
    assert [each.outcome.output_limit.limit_bytes for each in response.stages] == [1000, 1000]


async def test_output_of_exactly_the_limit_is_whole(executor: Stub) -> None:
    response = await run(executor, stage("cat"), stdin=b"x" * 1000, max_output_bytes=1000)
    assert len(response.stdout) == 1000
    assert response.stages[0].outcome.exited.code == 0


async def test_a_cut_output_is_told_even_if_its_program_had_ended(executor: Stub) -> None:
    response = await run(executor, stage("echo", text="x" * 1000), max_output_bytes=1000)
    assert len(response.stdout) == 1000
    assert result(response.stages[0].outcome) == "output_limit"


async def test_of_much_error_output_the_end_is_kept(executor: Stub) -> None:
    (only,) = (await run(executor, stage("write_stderr_a_lot"))).stages
    assert only.outcome.exited.code == 0
    assert len(only.stderr) == 64 << 10
    assert only.stderr.endswith(b"000029999\nlast word")
    assert only.stderr_dropped_bytes == 300_000 + len("last word") - (64 << 10)


async def test_a_program_inherits_its_streams_and_its_files_only(
    executor: Stub, media: Path
) -> None:
    listed = (await run(executor, stage("list_descriptors"))).stdout.decode()
    numbers = {line.split()[0] for line in listed.splitlines()}
    assert numbers == {"0", "1", "2"}

    (media / "file").touch()
    script = "ls -l /proc/$$/fd"
    listed = (await run(executor, stage("shell", script=script, file="file"))).stdout.decode()
    links = [line.split(" -> ")[1] for line in listed.splitlines() if " -> " in line]
    assert len(links) == 4
    assert sum(str(media / "file") == link for link in links) == 1


async def test_a_program_inherits_nothing_of_the_services_environment(executor: Stub) -> None:
    printed = (await run(executor, stage("print_environment"))).stdout.decode()
    assert sorted(printed.splitlines()) == sorted(
        [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
            "HOME=/nonexistent",
            "TMPDIR=/tmp",
            "cwd: /",
        ]
    )


async def test_an_output_file_appears_when_its_program_succeeds(
    executor: Stub, media: Path
) -> None:
    (media / "in").write_text("new")
    (media / "out").write_text("old")
    await run(executor, stage("copy", input="in", output="out"))
    assert (media / "out").read_text() == "new"
    assert set(os.listdir(media)) == {"in", "out"}


async def test_a_file_may_be_replaced_by_what_is_made_of_it(executor: Stub, media: Path) -> None:
    (media / "same").write_text("content")
    await run(executor, stage("copy", input="same", output="same"))
    assert (media / "same").read_text() == "content"


async def test_an_output_file_of_a_failed_program_vanishes(executor: Stub, media: Path) -> None:
    (media / "out").write_text("old")
    (only,) = (await run(executor, stage("write_file_and_fail", output="out"))).stages
    assert only.outcome.exited.code == 3
    assert (media / "out").read_text() == "old"
    assert set(os.listdir(media)) == {"out"}


async def test_a_descendant_that_holds_the_output_is_killed(executor: Stub) -> None:
    response = await run(executor, stage("fork_and_hold_stdout"))
    (only,) = response.stages
    assert only.outcome.exited.code == 0
    assert only.outcome.killed_descendants
    await eventually(lambda: not alive(int(response.stdout)))


async def test_a_descendant_that_holds_nothing_is_killed_silently(executor: Stub) -> None:
    response = await run(executor, stage("fork_and_close_everything"))
    assert not response.stages[0].outcome.killed_descendants
    await eventually(lambda: not alive(int(response.stdout)))


async def test_a_descendant_that_writes_for_ever_is_killed(executor: Stub) -> None:
    response = await shell(executor, "yes & exit 0", max_output_bytes=1 << 20)
    assert result(response.stages[0].outcome) in ("exited", "output_limit")
    response = await shell(executor, "while sleep 0.02; do echo tick; done & exit 0")
    assert response.stages[0].outcome.killed_descendants
    assert b"tick" in response.stdout


async def test_a_descendant_that_escaped_cannot_hold_up_the_answer(executor: Stub) -> None:
    response = await run(executor, stage("escape_with_setsid"))
    escaped = int(response.stdout)
    try:
        assert response.stages[0].outcome.exited.code == 0
        assert response.stages[0].outcome.killed_descendants
        # Documented: a process group does not contain it.
        assert alive(escaped)
    finally:
        os.kill(escaped, signal.SIGKILL)


async def test_a_program_that_moves_to_our_group_is_ended_alone(executor: Stub) -> None:
    (only,) = (await run(executor, stage("leave_group"), timeout=1)).stages
    assert result(only.outcome) == "timed_out"


async def test_programs_beyond_the_settle_time_are_not_waited_for(connect: Connect) -> None:
    async with connect(settle_seconds=0.0) as executor:
        response = await run(executor, stage("fork_and_hold_stdout"))
        assert response.stages[0].outcome.killed_descendants
