"""Both ends of a binary upgrade, in two processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tercet.cluster.handed import Handed
from tercet.cluster.process import waited_for
from tercet.cluster.spec import OriginSpec
from tercet.cluster.successor import Successor, UpgradeFailed
from tests.support import eventually

SUCCEED = Path(__file__).parents[2] / "children" / "succeed.py"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def start(
    how: str, given: list[Handed], report: Path, *, timeout: float = 60, pid_file: str = ""
) -> Successor:
    return Successor(
        OriginSpec(arguments=[how], directory=str(report.parent), file="/a.toml"),
        given,
        environ={**os.environ, "REPORT": str(report)},
        pid_file=pid_file,
        timeout=timeout,
        command=["-P", str(SUCCEED)],
    )


async def reported(report: Path) -> dict[str, object]:
    await eventually(lambda: bool(_read(report)), within=30)
    found: dict[str, object] = json.loads(_read(report))
    return found


def _read(report: Path) -> str:
    """The report, once it is whole."""
    text = report.read_text() if report.exists() else ""
    return text if text.endswith("}") else ""


async def test_it_is_given_the_sockets_and_then_the_mesh(
    listening: socket.socket, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    handed = [Handed("shop", listening)]
    successor = start("ready", handed, report, pid_file="/run/pid")
    assert successor.pid in waited_for
    await successor.ready()
    # It waits for its turn, however long that takes.
    await asyncio.sleep(0.05)
    assert not report.exists()
    assert successor.is_ready
    successor.hand_over()
    assert await reported(report) == {
        "given": [["shop", str(handed[0].bind)]],
        "inheritable": [False],
        "pid_file": "/run/pid",
        "variable": "",
        "file": "/a.toml",
        "directory": str(tmp_path),
        "session": os.getsid(0),
    }
    await eventually(lambda: successor.pid not in waited_for)
    # Ours is still open, and nobody else inherits it.
    assert listening.fileno() >= 0 and not listening.get_inheritable()


@pytest.mark.parametrize(
    ("how", "cause"),
    [("fails", "it does not like it here"), ("dies", "the new supervisor exited with 5")],
)
async def test_one_that_fails_says_why(how: str, cause: str, tmp_path: Path) -> None:
    successor = start(how, [], tmp_path / "report")
    with pytest.raises(UpgradeFailed, match=f"^{cause}$"):
        await successor.ready()
    assert not successor.is_ready


async def test_one_that_is_not_ready_in_time_is_killed(tmp_path: Path) -> None:
    successor = start("hangs", [], tmp_path / "report", timeout=0.3)
    with pytest.raises(UpgradeFailed, match=r"^it was not ready after 0\.3 s$"):
        await successor.ready()
    with pytest.raises(ProcessLookupError):
        os.kill(successor.pid, 0)


async def test_one_that_is_killed_when_it_was_ready_is_given_nothing(tmp_path: Path) -> None:
    successor = start("ready", [], tmp_path / "report")
    await successor.ready()
    os.kill(successor.pid, signal.SIGKILL)
    await eventually(lambda: not successor.is_ready)
    successor.hand_over()
    with pytest.raises(UpgradeFailed):
        await successor.ready()


async def test_a_stop_ends_it_in_order(tmp_path: Path) -> None:
    successor = start("stops", [], tmp_path / "report")
    waiting = asyncio.create_task(successor.ready())
    await asyncio.sleep(0)
    await successor.stop(5)
    with pytest.raises(UpgradeFailed, match=r"^the mesh stops$"):
        await waiting
    assert successor.pid not in waited_for


async def test_a_stop_is_cut_short_by_a_kill(tmp_path: Path) -> None:
    successor = start("hangs", [], tmp_path / "report")
    stopping = asyncio.create_task(successor.stop(60))
    await asyncio.sleep(0)
    successor.kill()
    await stopping


async def test_once_it_has_the_mesh_it_is_left_alone(tmp_path: Path) -> None:
    successor = start("ready", [], tmp_path / "report")
    await successor.ready()
    successor.hand_over()
    successor.kill()
    await successor.stop(0)
    assert await reported(tmp_path / "report")
    await eventually(lambda: successor.pid not in waited_for)


async def test_a_directory_that_is_gone_is_an_error_now(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start("ready", [], tmp_path / "gone" / "report")
