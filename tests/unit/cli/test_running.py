"""Errors and exit codes of the whole command."""

from __future__ import annotations

import errno
import os
import re
import signal
from pathlib import Path

import pytest
import typer

from tercet.cli import exit_codes, running
from tercet.errors import ConfigError
from tests.unit.cli.conftest import Tercet, start
from tests.unit.client.fakes import Fakes


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["nothing"], "no such command 'nothing'", "tercet --help"),
        (["compute", "run"], "missing argument 'KERNEL'", "tercet compute run --help"),
        (["compute", "list", "--bad"], "no such option: --bad", "tercet compute list --help"),
    ],
)
def test_a_wrong_command_line_points_at_its_help(
    tercet: Tercet, arguments: list[str], message: str, hint: str
) -> None:
    ran = tercet(*arguments)
    assert ran.code == 2
    assert ran.err == f"tercet: {message}\nhint: see `{hint}`\n"
    assert ran.out == ""


@pytest.mark.parametrize("arguments", [[], ["compute"], ["exec"]])
def test_no_verb_shows_the_help(tercet: Tercet, arguments: list[str]) -> None:
    ran = tercet(*arguments)
    assert ran.code == 2
    assert ran.err.startswith("Usage: tercet")


@pytest.mark.parametrize(
    "verb", ["", "compute", "compute list", "compute run", "compute image", "exec run", "exec list"]
)
def test_help_gives_every_option_and_an_example(tercet: Tercet, verb: str) -> None:
    ran = tercet(*verb.split(), "-h")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: {' '.join(['tercet', *verb.split()])} ")
    if " " in verb:
        assert "TERCET_ADDRESS" in ran.out
        assert f"tercet {verb}" in ran.out.partition("Examples:")[2]


def test_help_and_the_manual_give_the_same_exit_codes(tercet: Tercet) -> None:
    manual = Path(__file__, "../../../../docs/cli.md").resolve().read_text()
    table = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", manual, re.MULTILINE))
    assert {int(code): meaning for code, meaning in table.items()} == exit_codes.TABLE
    shown = tercet("--help").out
    for code, meaning in exit_codes.TABLE.items():
        assert re.search(rf"^ +{code} +{re.escape(meaning)}$", shown, re.MULTILINE)


def test_the_version(tercet: Tercet) -> None:
    assert re.fullmatch(r"tercet \d+\.\d+\S*\n", tercet("--version").out)


def test_nobody_there_is_69(tercet: Tercet, tmp_path: Path) -> None:
    ran = tercet("compute", "list", "-a", f"unix:{tmp_path}/nobody")
    assert ran.code == 69
    assert ran.err.startswith("tercet: no answer from unix:")
    assert "\nhint: " in ran.err


@pytest.mark.parametrize(
    ("kernel", "code", "message", "hint"),
    [
        ("nothing", 1, "there is no kernel 'nothing'", "see ListKernels"),
        ("range", 1, "n is 51, not 0 to 50", ""),
        ("full", 75, "the queue is full", "try later"),
        ("unavailable", 69, "draining", ""),
    ],
)
def test_a_refusal_gives_its_message_and_hint(
    tercet: Tercet, fakes: Fakes, kernel: str, code: int, message: str, hint: str
) -> None:
    ran = tercet("compute", "run", kernel)
    assert ran.code == code
    assert ran.err == f"tercet: {message}\n" + (f"hint: {hint}\n" if hint else "")
    assert ran.out == ""


def test_a_passed_deadline_is_124(tercet: Tercet, fakes: Fakes) -> None:
    assert tercet("compute", "run", "wait", "--timeout", "0.05").code == 124


def raising(error: BaseException) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def verb() -> None:
        raise error

    return app


def test_a_bug_is_one_line_and_70(tercet: Tercet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "build", lambda: raising(ZeroDivisionError("by zero")))
    ran = tercet()
    assert ran.code == 70
    assert ran.err.startswith("tercet: unexpected ZeroDivisionError: by zero\nhint: ")
    monkeypatch.setenv("TERCET_DEBUG", "1")
    ran = tercet()
    assert ran.code == 70
    assert ran.err.startswith("Traceback")
    assert ran.err.endswith("ZeroDivisionError: by zero\n")


def test_a_wrong_configuration_is_78(tercet: Tercet, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ConfigError("wrong", hint="right")
    monkeypatch.setattr(running, "build", lambda: raising(error))
    assert tercet() == (78, "", "tercet: wrong\nhint: right\n")


def test_a_configuration_that_may_not_be_read_is_78(
    tercet: Tercet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "mesh.toml"
    path.touch(mode=0)
    # As for anyone but root, whom the mode does not stop.
    monkeypatch.setattr(os, "access", lambda *_, **__: False)

    def refused(path: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refused)
    said = f"tercet: cannot read {path}: Permission denied\nhint: name another file\n"
    assert tercet("up", "--config", str(path)) == (78, "", said)


@pytest.mark.parametrize(
    "arguments", ["--help", "compute list", "exec run ls", "exec run ls :: ls"]
)
def test_an_output_without_room_is_73(fakes: Fakes, arguments: str) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start(*arguments.split(), stdout=full)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 73
    lines = err.decode().splitlines()
    assert lines[-1] == "tercet: cannot write standard output: No space left on device"
    assert "Exception ignored" not in err.decode()


@pytest.mark.parametrize("arguments", [["compute", "run", "wait"], ["exec", "run", "forever"]])
def test_ctrl_c_cancels_the_call_and_is_130(fakes: Fakes, arguments: list[str]) -> None:
    service = fakes.compute if arguments[0] == "compute" else fakes.executor
    process = start(*arguments, stdout=os.open(os.devnull, os.O_WRONLY))
    assert service.started.wait(30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")
    assert service.cancelled.wait(10)


@pytest.mark.parametrize("arguments", [["exec", "run", "forever"], ["--help"]])
def test_a_reader_that_goes_away_is_no_error(fakes: Fakes, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, b"")
    if arguments[0] == "exec":
        assert fakes.executor.cancelled.wait(10)


@pytest.mark.parametrize("command", ["reload --mesh", "scale shop 2 --mesh", "exec run --timeout"])
def test_an_option_without_its_value_is_explained_by_its_verb(tercet: Tercet, command: str) -> None:
    verb = " ".join(command.split()[: 2 if command.startswith("exec") else 1])
    ran = tercet(*command.split())
    assert (ran.code, ran.err.splitlines()[1]) == (2, f"hint: see `tercet {verb} --help`")
