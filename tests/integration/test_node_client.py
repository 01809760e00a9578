"""The example client in Node.js speaks to servicers of the contracts."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.client.fakes import Fakes

ROOT = Path(__file__).parents[2]
EXAMPLE = "examples/clients/node"

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="node or npm is not installed"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its dependencies, in a copy of the tree around it."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / EXAMPLE, tree / EXAMPLE, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(ROOT / "protos", tree / "protos")
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=tree / EXAMPLE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return tree / EXAMPLE


@pytest.fixture
async def fakes() -> AsyncIterator[Fakes]:
    async with Fakes().listening("127.0.0.1:0") as listening:
        yield listening


async def node(folder: Path, address: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        "node",
        "client.mjs",
        address,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_tour_calls_both_services(installed: Path, fakes: Fakes) -> None:
    code, out, err = await node(installed, fakes.address)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "kernels, on 2 threads:",
        "  echo: Gives back.",
        "fibonacci(30) = 832040 in 0.500 s",
        "ps aux | head -5:",
        "ps style=aux | head lines=5",
        "  ps: exited",
        "  head: exited",
        "head runs, pid 4711",
        "head lines=1",
        "head: exited",
    ]


async def test_a_refusal_is_one_line_and_exit_code_1(installed: Path, fakes: Fakes) -> None:
    fakes.compute.unavailable = 99
    code, out, err = await node(installed, fakes.address)
    assert (code, out, err) == (1, "", "UNAVAILABLE: draining\n")
