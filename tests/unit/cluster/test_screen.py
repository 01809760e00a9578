"""Who is told that a mesh serves, and how."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
from tercet.cluster import logs
from tercet.cluster.screen import Screen
from tercet.cluster.spec import MeshSpec
from tests.unit.cluster.test_banner import record

log, form = sys.argv[1:]
spec = MeshSpec(services=[], log=log, log_format=form)
screen = Screen(spec)
if log:
    logs.redirect(log)
logs.configure("tercet", form)
records = [record("shop", bind="127.0.0.1:1"), record("shop", bind="127.0.0.1:1"), record("quiet")]
records.append(record("control", bind="127.0.0.1:2"))
screen.serving(records, Path("/run/1"))
screen.tell("nobody listens any more")
"""


def run(log: str, form: str, out: int) -> str:
    """Runs it with that standard output; returns what it wrote on standard error."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, log, form],
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stderr


def on_pipe(log: str, form: str) -> tuple[str, str]:
    reader, writer = os.pipe()
    said = run(log, form, writer)
    os.close(writer)
    with open(reader) as out:
        return out.read(), said


def test_text_shows_the_table(tmp_path: Path) -> None:
    out, said = on_pipe("", "text")
    assert out.startswith("SERVICE") and out.endswith("Ctrl-C stops it.\n")
    assert said == ""


def test_json_has_nothing_but_json(tmp_path: Path) -> None:
    out, said = on_pipe("", "json")
    assert out == ""
    found = json.loads(said)
    assert found["message"] == "serving: shop 127.0.0.1:1, health 127.0.0.1:2"
    assert found["addresses"] == {"shop": "127.0.0.1:1", "health": "127.0.0.1:2"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_has_a_line_and_no_table(tmp_path: Path, form: str) -> None:
    log = tmp_path / "log"
    assert on_pipe(str(log), form) == ("", "")
    [line] = log.read_text().splitlines()
    assert "serving: shop 127.0.0.1:1" in line
    assert "quiet" not in line


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_terminal_of_the_start_has_the_table_all_the_same(tmp_path: Path, form: str) -> None:
    controller, terminal = pty.openpty()
    log = tmp_path / "log"
    run(str(log), form, terminal)
    os.close(terminal)
    shown = os.read(controller, 65536).decode()
    os.close(controller)
    assert shown.startswith("SERVICE")
    assert f"The log is {log}." in shown
    assert "nobody listens" not in shown
    assert len(log.read_text().splitlines()) == 1
