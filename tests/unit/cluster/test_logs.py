"""The form of a log's lines, and the file that they go to."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tercet.cluster import logs
from tercet.cluster.logs import configure


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """Puts the root logger back as it was."""
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level
    logger.handlers = []
    yield
    logger.handlers, logger.level = before


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def test_text_names_whose_it_is(written: io.StringIO) -> None:
    configure("shop/3", "text", logging.StreamHandler(written))
    logging.getLogger("a.b").info("%d apples", 3)
    logging.getLogger("a.b").debug("unheard")
    assert written.getvalue() == "shop/3: 3 apples\n"


def test_json_is_an_object_a_line(written: io.StringIO) -> None:
    configure("shop/3", "json", logging.StreamHandler(written))
    logging.getLogger("a.b").warning("two\nlines, \udcff and %s", "é")
    [line] = written.getvalue().splitlines()
    found = json.loads(line)
    assert list(found) == ["time", "level", "logger", "worker", "message"]
    assert found["time"].endswith("Z")
    assert datetime.fromisoformat(found.pop("time")).utcoffset() is not None
    assert found == {
        "level": "warning",
        "logger": "a.b",
        "worker": "shop/3",
        "message": "two\nlines, \\udcff and é",
    }


def test_json_has_an_exception_as_text(written: io.StringIO) -> None:
    configure("shop/3", "json", logging.StreamHandler(written))
    try:
        raise ValueError("my bug")
    except ValueError:
        logging.getLogger().exception("it failed")
    found = json.loads(written.getvalue())
    assert found["message"] == "it failed"
    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("ValueError: my bug")


def test_a_second_time_replaces_the_first(written: io.StringIO) -> None:
    configure("tercet", "text", logging.StreamHandler(io.StringIO()))
    configure("shop/3", "text", logging.StreamHandler(written))
    logging.getLogger().info("once")
    assert written.getvalue() == "shop/3: once\n"


def run(program: str, path: Path) -> subprocess.CompletedProcess[bytes]:
    """Redirecting is for whole processes."""
    start = f"import os, sys\nfrom tercet.cluster import logs\npath = {str(path)!r}\n"
    return subprocess.run(
        [sys.executable, "-c", start + program], capture_output=True, check=False, timeout=60
    )


def test_both_streams_are_appended_to_a_file_that_children_have_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    done = run(
        "print('terminal')\n"
        "logs.redirect(path)\n"
        "print('out', flush=True)\n"
        "print('err', file=sys.stderr, flush=True)\n"
        "os.system('echo child')\n",
        path,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"terminal\n", b"", 0)
    assert path.read_text() == "before\nout\nerr\nchild\n"


def test_a_new_file_is_readable_for_all(tmp_path: Path) -> None:
    run("os.umask(0o022)\nlogs.redirect(path)\n", tmp_path / "log")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o644


def test_it_leaves_no_descriptor(tmp_path: Path) -> None:
    program = (
        "before = os.listdir('/proc/self/fd')\n"
        "logs.redirect(path)\n"
        "logs.reopen(path)\n"
        "assert os.listdir('/proc/self/fd') == before\n"
    )
    assert run(program, tmp_path / "log").returncode == 0


def test_a_file_that_was_renamed_is_left(tmp_path: Path) -> None:
    path = tmp_path / "log"
    done = run(
        "logs.redirect(path)\n"
        "print('old', flush=True)\n"
        "os.rename(path, path + '.1')\n"
        "assert logs.is_elsewhere(path)\n"
        "assert logs.reopen(path)\n"
        "assert not logs.is_elsewhere(path)\n"
        "print('new', flush=True)\n",
        path,
    )
    assert done.returncode == 0
    assert (tmp_path / "log.1").read_text() == "old\n"
    assert path.read_text() == "new\n"


def test_one_that_cannot_be_opened_anew_is_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    run(
        "logs.configure('shop/3', 'text')\n"
        "logs.redirect(path)\n"
        "os.rename(os.path.dirname(path), os.path.dirname(path) + '.old')\n"
        "assert not logs.reopen(path)\n"
        "print('further', flush=True)\n",
        folder / "log",
    )
    first, second = (tmp_path / "logs.old" / "log").read_text().splitlines()
    assert first.startswith("shop/3: cannot open the log") and "No such file" in first
    assert second == "further"


def test_one_that_cannot_be_opened_at_first_is_an_error(tmp_path: Path) -> None:
    before = os.fstat(1)
    with pytest.raises(FileNotFoundError):
        logs.redirect(str(tmp_path / "nowhere" / "log"))
    assert os.path.samestat(before, os.fstat(1))


def test_it_imports_little() -> None:
    program = (
        "print(sorted({each.partition('.')[0] for each in sys.modules} & "
        "{'grpc', 'uvloop', 'asyncio', 'google'}))"
    )
    assert run(program, Path("/")).stdout == b"[]\n"
