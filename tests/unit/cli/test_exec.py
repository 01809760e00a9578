from __future__ import annotations

import json
import os
import subprocess

import pytest

from tercet.cli.exec_.run import LESS_OUTPUT
from tests.unit.cli.conftest import Tercet, on_terminal, start
from tests.unit.client.fakes import Fakes


def test_programs_are_lines_of_tabs_without_a_terminal(tercet: Tercet, fakes: Fakes) -> None:
    assert tercet("exec", "list") == (0, "head\t[lines=10]\t60\tyes\tFirst.\n", "")


def test_programs_as_json(tercet: Tercet, fakes: Fakes) -> None:
    (program,) = json.loads(tercet("exec", "list", "--json").out)["programs"]
    assert (program["name"], program["available"], program["timeout"]) == ("head", True, 60.0)
    assert program["arguments"][0]["type"] == "integer"


def test_one_program_is_live(tercet: Tercet, fakes: Fakes) -> None:
    ran = tercet("exec", "run", "ls", "path=a=b", "--timeout", "5")
    assert ran == (0, "ls path=a=b\n", "ls: done\n")
    (request,) = fakes.executor.requests
    assert request.start.timeout.seconds == 5


@pytest.mark.parametrize("separator", ["::", "|"])
def test_a_pipeline_needs_no_quotes(tercet: Tercet, fakes: Fakes, separator: str) -> None:
    ran = tercet("exec", "run", "ps", "style=aux", separator, "head", "lines=10")
    assert ran == (0, "ps style=aux | head lines=10\n", "ps: done\nhead: done\n")


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        ("fail", 3, ""),
        ("crash", 139, "tercet: crash was killed by SIGSEGV\n"),
        ("slow", 124, "tercet: slow ran longer than 5 s and was killed with SIGKILL\n"),
        (
            "chatty",
            153,
            f"tercet: chatty wrote more than 1048576 bytes and was killed\nhint: {LESS_OUTPUT}\n",
        ),
        ("absent", 127, "tercet: absent could not be started: No such file or directory\n"),
    ],
)
def test_the_exit_code_is_the_programs_own(
    tercet: Tercet, fakes: Fakes, program: str, code: int, said: str
) -> None:
    ran = tercet("exec", "run", program)
    # What was never started has written nothing.
    written = "" if program == "absent" else f"{program}: done\n"
    assert (ran.code, ran.err) == (code, f"{written}{said}")
    # In a pipeline, the last that failed.
    assert tercet("exec", "run", "ps", "::", program, "::", "head").code == code
    assert tercet("exec", "run", program, "--json").code == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["unknown"], "there is no such program\nhint: see ListPrograms"),
        (["ps", "::", "unknown"], "there is no such program (program 2)\nhint: list them"),
    ],
)
def test_a_refusal_is_1(tercet: Tercet, fakes: Fakes, arguments: list[str], said: str) -> None:
    assert tercet("exec", "run", *arguments) == (1, "", f"tercet: {said}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("head 10", "'10' is not NAME=VALUE"),
        ("head =10", "'=10' is not NAME=VALUE"),
        ("lines=10", "'lines=10' stands where a program's name should"),
        ("ps ::", "nothing stands where a program's name should"),
        (":: ps", "nothing stands where a program's name should"),
        ("head lines=1 lines=2", "'lines' is named twice"),
        # How Python hands on the byte 0xff of a command line.
        ("head lines=\udcff", "is not UTF-8"),
        ("\udcff", "is not UTF-8"),
    ],
)
def test_what_is_wrong_with_the_words_is_said(tercet: Tercet, words: str, message: str) -> None:
    ran = tercet("exec", "run", *words.split())
    assert ran.code == 2
    assert message in ran.err


@pytest.mark.parametrize("command", ["exec run ls", "compute run echo", "compute image - -"])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "0", "-1", "1e300"])
def test_a_timeout_is_a_positive_number(tercet: Tercet, command: str, seconds: str) -> None:
    ran = tercet(*command.split(), "--timeout", seconds)
    assert ran.code == 2
    assert "is not a number of seconds above 0" in ran.err


def test_everything_as_json(tercet: Tercet, fakes: Fakes) -> None:
    document = json.loads(tercet("exec", "run", "ps", "::", "crash", "--json").out)
    assert (document["ok"], document["exit_code"]) == (False, 139)
    assert document["stdout"] == "ps | crash\n"
    first, second = document["stages"]
    assert first["outcome"]["description"] == "exited with code 0"
    assert second["outcome"]["signal_name"] == "SIGSEGV"
    assert second["stderr"] == "crash: done\n"


def test_output_that_is_no_text_is_base64_in_json(fakes: Fakes) -> None:
    process = start("exec", "run", "head", "--stdin", "--json", stdin=subprocess.PIPE)
    out, _ = process.communicate(b"\xff\xfe", timeout=30)
    assert json.loads(out)["stdout_base64"] == "aGVhZAr//g=="


@pytest.mark.parametrize("size", [0, 3, 1_000_000])
def test_standard_input_is_passed_on_when_asked(fakes: Fakes, size: int) -> None:
    sent = os.urandom(size)
    process = start("exec", "run", "cat", "--stdin", stdin=subprocess.PIPE)
    out, err = process.communicate(sent, timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert out == sent


def test_too_large_an_input_of_a_pipeline_says_what_takes_it(fakes: Fakes) -> None:
    process = start("exec", "run", "cat", "::", "head", "--stdin", stdin=subprocess.PIPE)
    _, err = process.communicate(bytes(5 << 20), timeout=30)
    assert process.returncode == 1
    assert b"larger than max" in err
    assert b"hint: one program, without --json, takes input of any size, or raise max_" in err
    assert b"max_send_bytes" not in err


def test_a_program_that_ends_before_its_input_ends_the_command(fakes: Fakes) -> None:
    process = start("exec", "run", "ls", "--stdin", stdin=subprocess.PIPE)
    # The pipe stays open: nothing comes, and no end.
    assert process.wait(timeout=30) == 0
    process.communicate()


def test_input_from_a_terminal_is_refused(fakes: Fakes) -> None:
    code, shown = on_terminal("exec", "run", "cat", "--stdin")
    assert code == 2
    assert "standard input is a terminal" in shown


def test_progress_is_lines_without_a_terminal(tercet: Tercet, fakes: Fakes) -> None:
    ran = tercet("exec", "run", "convert")
    assert ran.out == ""
    assert ran.err.splitlines() == [
        "convert: 0%, 0.0 of 4.0 s, 2.0x",
        "convert: 25%, 1.0 of 4.0 s, 25 frames, 2.0x",
        "convert: 50%, 2.0 of 4.0 s, 50 frames, 2.0x",
        "convert: 75%, 3.0 of 4.0 s, 75 frames, 2.0x",
        "convert: 100%, 4.0 of 4.0 s, 100 frames, 2.0x",
    ]


def test_progress_is_a_bar_on_a_terminal(fakes: Fakes) -> None:
    code, shown = on_terminal("exec", "run", "convert")
    assert code == 0
    assert "━" in shown
    assert "100%" in shown
    assert "4.0 of 4.0 s, 100 frames, 2.0x" in shown
