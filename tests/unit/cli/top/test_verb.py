"""`tercet top` where no terminal shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tercet.cluster.v1 import cluster_pb2
from tests.unit.cli.conftest import Tercet
from tests.unit.cli.meshes import FakeControl, meshes


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeControl]:
    with meshes() as (base, started):
        monkeypatch.setenv("TERCET_RUNTIME_DIR", base)
        there = cluster_pb2.Worker(
            service="shop", pid=7, generation=2, state=cluster_pb2.WORKER_STATE_READY
        )
        control = started.start(11, there)
        usage = cluster_pb2.Usage(worker=there, rss_bytes=1 << 20, calls=10, in_flight=3)
        usage.p50.FromMilliseconds(2)
        control.usage = [usage]
        yield control


@pytest.mark.parametrize("more", [(), ("--once",)])
def test_it_prints_one_table_and_ends(
    tercet: Tercet, control: FakeControl, more: tuple[str, ...]
) -> None:
    ran = tercet("top", "--interval", "0.1", *more)
    assert (ran.code, ran.err) == (0, "")
    [row] = [line.split("\t") for line in ran.out.splitlines()]
    assert row[:4] == ["shop", "0", "7", "ready"]
    assert row[5:] == ["1 MiB", "0 B", "0 %", "0.0", "3", "2 ms", "-", "0"]


def test_as_json(tercet: Tercet, control: FakeControl) -> None:
    [shown] = json.loads(tercet("top", "--json", "--interval", "0.1").out)
    assert (shown["service"], shown["generation"]) == ("shop", 2)
    assert shown["usage"]["calls"] == 10
    assert (shown["usage"]["p50"], shown["usage"]["p99"]) == (0.002, None)


def test_no_mesh_is_69(
    tercet: Tercet, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("TERCET_RUNTIME_DIR", str(tmp_path_factory.mktemp("none")))
    assert tercet("top").code == 69


def test_only_the_live_view_imports_textual() -> None:
    program = (
        "import sys; from tercet.cli.running import run; run(['top', '--help']);"
        " sys.exit('textual' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=False)
    assert ended.returncode == 0
