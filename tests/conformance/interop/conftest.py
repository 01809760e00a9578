"""One server process per engine and style, shared by all tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.interop.servicers import STYLES

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
