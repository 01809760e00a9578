"""As daemons and cron start things: streams closed, nobody reading them, signals ignored."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tercet.cli.workers import find, list_workers, state_of
from tercet.errors import Unavailable
from tests.integration.meshes import ROOT, TERCET

GOOD = f"{TERCET} serve examples.greeter:register --workers 1 --bind 127.0.0.1:0"
BAD = f"{TERCET} serve nope:register --workers 1 --bind 127.0.0.1:0"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
    tmp_path.chmod(0o700)
    return kept | {"TERCET_RUNTIME_DIR": "/tmp/tercet-test-oddly"}


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("exec {} <&- >&- 2>&-", id="all streams closed"),
        pytest.param("{} 2>&1 >/dev/null | true; exit ${{PIPESTATUS[0]}}", id="nobody reads"),
        pytest.param("exec env --ignore-signal=CHLD {}", id="SIGCHLD ignored"),
    ],
)
def test_what_can_never_start_ends_with_78(how: str, environ: dict[str, str]) -> None:
    ended = subprocess.run(
        ["bash", "-c", how.format(BAD)], cwd=ROOT, env=environ, timeout=60, check=False
    )
    assert ended.returncode == 78


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", ">/dev/full 2>/dev/full"])
def test_a_mesh_that_cannot_speak_serves_and_stops(
    streams: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERCET_RUNTIME_DIR", environ["TERCET_RUNTIME_DIR"])
    with subprocess.Popen(
        ["bash", "-c", f"exec {GOOD} {streams}"], cwd=ROOT, env=environ
    ) as started:

        def ready() -> bool:
            try:
                workers = list_workers(find(str(started.pid)))
            except Unavailable:
                return False
            return all(state_of(worker) == "ready" for worker in workers)

        try:
            deadline = time.monotonic() + 60
            while not ready():
                assert time.monotonic() < deadline and started.poll() is None
                time.sleep(0.02)
            links = [str(os.readlink(f"/proc/{started.pid}/fd/{n}")) for n in range(3)]
            # Nothing of ours has been opened in a stream's place.
            assert set(links) <= {"/dev/null", "/dev/full"} | {os.readlink("/proc/self/fd/0")}
        finally:
            started.terminate()
        assert started.wait(20) == 0
