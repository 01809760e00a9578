"""Lines of calls: what is in them, where they go, and what happens when they cannot."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tercet.errors import ConfigError
from tercet.gateway import access_log as module
from tercet.gateway.access_log import AccessLog, Line
from tercet.gateway.observed import CallRecord
from tests.support import eventually

RECORD = CallRecord(
    begin=1_700_000_000.25,
    path="/a.B/C",
    peer="ipv4:127.0.0.1:50123",
    code=14,
    reason="WORKER_LOST",
    upstream="greeter",
    endpoint="unix:/run/greeter.0.1.sock",
    seconds=0.1234567,
    queued_seconds=0.05,
    request_bytes=10,
    response_bytes=20,
    attempts=2,
)


class Plane:
    """Has records to be taken."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def take_log(self) -> list[Any]:
        taken, self.records = self.records, []
        return taken

    def ended(self, *paths: str) -> None:
        # A plain tuple, as native code makes it.
        self.records += [tuple(RECORD._replace(path=path)) for path in paths]


@pytest.fixture
def plane() -> Plane:
    return Plane()


@asynccontextmanager
async def logging_to(plane: Plane, where: str | Path) -> AsyncIterator[AccessLog]:
    made = AccessLog(plane.take_log, str(where))
    made.start()
    try:
        yield made
    finally:
        await made.close()


def methods(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [json.loads(line)["method"] for line in path.read_text().splitlines()]


async def test_a_line_has_its_fields(plane: Plane, tmp_path: Path) -> None:
    plane.records.append(RECORD)
    async with logging_to(plane, tmp_path / "log"):
        pass
    [line] = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250000Z",
        "method": "/a.B/C",
        "peer": "ipv4:127.0.0.1:50123",
        "code": "UNAVAILABLE",
        "reason": "WORKER_LOST",
        "upstream": "greeter",
        "endpoint": "unix:/run/greeter.0.1.sock",
        "seconds": 0.123457,
        "queued_seconds": 0.05,
        "request_bytes": 10,
        "response_bytes": 20,
        "attempts": 2,
    }


def test_the_manual_has_the_same_fields() -> None:
    manual = Path(__file__, "../../../../docs/gateway-operations.md").resolve().read_text()
    table = manual.partition("## Access log")[2].partition("\n## ")[0]
    fields = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    assert fields == list(Line.__struct_fields__)


async def test_lines_are_written_while_it_runs_and_appended(plane: Plane, tmp_path: Path) -> None:
    path = tmp_path / "log"
    for name in ("/1", "/2"):
        async with logging_to(plane, path):
            plane.ended(name)
            await eventually(lambda name=name: name in methods(path))  # type: ignore[misc]
    assert methods(path) == ["/1", "/2"]


async def test_standard_output(plane: Plane, capfd: pytest.CaptureFixture[str]) -> None:
    plane.ended(*(f"/{number}" for number in range(1000)))
    async with logging_to(plane, "-"):
        pass
    lines = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["method"] for line in lines] == [
        f"/{number}" for number in range(1000)
    ]


@pytest.mark.parametrize("rotate", [Path.unlink, lambda path: path.rename(f"{path}.1")])
async def test_a_file_that_was_moved_is_left(plane: Plane, tmp_path: Path, rotate: Any) -> None:
    path = tmp_path / "log"
    async with logging_to(plane, path):
        plane.ended("/before")
        await eventually(lambda: methods(path) == ["/before"])
        rotate(path)

        def after() -> bool:
            plane.ended("/after")
            return "/after" in methods(path)

        await eventually(after)
        assert "/before" not in methods(path)


async def test_it_is_opened_anew_at_once_when_told_to(plane: Plane, tmp_path: Path) -> None:
    path = tmp_path / "log"
    async with logging_to(plane, path) as log:
        path.rename(tmp_path / "old")
        log.reopen()
        plane.ended("/after")
        await eventually(lambda: methods(path) == ["/after"])
    assert methods(tmp_path / "old") == []


async def test_what_waits_is_bounded(
    plane: Plane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    read, write = os.pipe()
    os.set_blocking(write, False)
    fill = 0
    try:
        while True:
            fill += os.write(write, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write, True)
    try:
        async with logging_to(plane, f"/proc/self/fd/{write}") as log:
            # One is being written, and its reader does not read.
            plane.ended("/0")
            await eventually(lambda: not plane.records and not log._waiting)
            plane.ended("/1", "/2")
            await eventually(lambda: not plane.records)
            assert log.dropped == 0
            plane.ended("/3", "/4", "/5")
            await eventually(lambda: log.dropped == 2)
            while fill:
                fill -= len(os.read(read, fill))
            await eventually(lambda: not log._waiting)
        lines = os.read(read, 65536).splitlines()
        assert [json.loads(line)["method"] for line in lines] == ["/0", "/1", "/2", "/3"]
    finally:
        os.close(read)
        os.close(write)


async def test_a_full_disk_is_told_once_and_counted(
    plane: Plane, caplog: pytest.LogCaptureFixture
) -> None:
    async with logging_to(plane, "/dev/full") as log:
        for count in (1, 2, 3):
            plane.ended("/x")
            await eventually(lambda count=count: log.dropped == count)  # type: ignore[misc]
    assert [record.getMessage() for record in caplog.records] == [
        "the access log /dev/full cannot be written: No space left on device"
    ]


async def test_what_cannot_be_a_line_does_not_end_it(plane: Plane, tmp_path: Path) -> None:
    path = tmp_path / "log"
    async with logging_to(plane, path):
        plane.ended("/\udcff")
        await eventually(lambda: not plane.records)
        plane.ended("/after")
        await eventually(lambda: "/after" in methods(path))


async def test_a_long_path_is_cut(plane: Plane, tmp_path: Path) -> None:
    plane.ended("/" + "x" * 100_000)
    async with logging_to(plane, tmp_path / "log"):
        pass
    assert [len(method) for method in methods(tmp_path / "log")] == [module.LONGEST_PATH]


def test_a_file_that_cannot_be_opened_says_so(plane: Plane, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot open the access log .*: No such file"):
        AccessLog(plane.take_log, str(tmp_path / "nowhere" / "log"))
