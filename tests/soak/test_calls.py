"""Calls that go well: a million leave the server as it was."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.wire.frames import message
from tests.soak.form import CALLS, FEWER, PARTS, TIMEOUT
from tests.soak.served import Served

MESSAGE = message(b"hello")


@pytest.fixture
def h2load() -> str:
    found = shutil.which("h2load")
    if found is None:
        assert not os.environ.get("CI"), "h2load is missing: apt-get install nghttp2-client"
        pytest.skip("h2load is missing: apt-get install nghttp2-client")
    return found


@pytest.mark.parametrize(
    ("method", "calls", "messages"),
    [("Echo", CALLS, 1), ("Several", FEWER, 5), ("Chat", FEWER, 1)],
)
def test_calls_leave_nothing_behind(
    served: Served, h2load: str, tmp_path: Path, method: str, calls: int, messages: int
):
    body = tmp_path / "body"
    body.write_bytes(MESSAGE)
    part = calls // PARTS
    command = [h2load, "-n", str(part), "-c", "4", "-m", "25", "-d", str(body)]
    command += ["-H", "te: trailers", "-H", "content-type: application/grpc"]
    command.append(f"http://127.0.0.1:{served.port}/soak.Soak/{method}")

    def load() -> None:
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT)
        assert f"{part} succeeded" in run.stdout, run.stdout
        # HTTP status 200 is also that of a call which failed; its message is not there then.
        found = re.search(r"\((\d+)\) data$", run.stdout, re.MULTILINE)
        assert found is not None, run.stdout
        assert int(found[1]) == part * messages * len(MESSAGE)

    served.stays_flat(load, f"{calls} calls of {method}")
