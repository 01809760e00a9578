"""One server process per engine and style, shared by all tests; and the client of Node.js."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.interop.servicers import STYLES
from tests.integration import tools

ROOT = Path(__file__).parents[3]

Serve = Callable[[str, str], str]


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """serve(engine, style): the address of such a server."""
    processes: dict[tuple[str, str], tuple[subprocess.Popen[str], str]] = {}

    def address(engine: str, style: str) -> str:
        if (engine, style) not in processes:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.conformance.interop.serve", engine, style],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert process.stdout is not None
            processes[engine, style] = process, f"127.0.0.1:{process.stdout.readline().strip()}"
        return processes[engine, style][1]

    yield address
    for process, _ in processes.values():
        # Ends its stdin, which ends the server.
        with process:
            process.communicate(timeout=20)


@pytest.fixture(params=list(STYLES))
def address(serve: Serve, engine: str, request: pytest.FixtureRequest) -> str:
    """Of a server of each engine and style."""
    return serve(engine, request.param)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node.js client with its dependencies."""
    if not (shutil.which("node") and shutil.which("npm")):
        tools.unavailable("node or npm is not installed")
    folder = tmp_path_factory.mktemp("grpc-js") / "client"
    shutil.copytree(
        Path(__file__).with_name("node"), folder, ignore=shutil.ignore_patterns("node_modules")
    )
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "client.mjs"
