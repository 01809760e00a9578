"""`python -m examples.tour`: every step does what it says, and nothing outlives it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.integration.meshes import ROOT

MARK = "TOUR_TEST_MARK"


@dataclass
class Tour:
    """A tour's environment, which all its descendants inherit and all its files are in."""

    folder: Path
    mark: str

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def start(self, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "examples.tour", "--out", self.out],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.folder / "tmp"), MARK: self.mark} | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[int]:
        """Those that carry the mark and live."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environ = (entry / "environ").read_bytes()
                except OSError:
                    continue
                if f"{MARK}={self.mark}".encode() in environ:
                    found.append(int(entry.name))
        return found

    def check_nothing_is_left(self) -> None:
        assert self.processes() == []
        assert list((self.folder / "tmp").iterdir()) == []


@pytest.fixture
def tour() -> Iterator[Tour]:
    # Short: a UNIX socket's path has at most 107 bytes.
    made = Tour(Path(tempfile.mkdtemp(prefix="tour-")), uuid.uuid4().hex)
    (made.folder / "tmp").mkdir()
    yield made
    for pid in made.processes():
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(made.folder)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        stdout, stderr = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, stdout, stderr


def test_every_step_does_what_it_says(tour: Tour) -> None:
    code, stdout, stderr = ended(tour.start())
    assert code == 0, stdout + stderr
    tour.check_nothing_is_left()

    check_calls(stdout)
    check_photograph(tour.out)
    check_threads(stdout)
    check_video(tour.out, stdout)
    check_pipeline(stdout)
    closing = stdout[stdout.index("The tour\n") :]
    steps = re.findall(r"^(\w+)  .*  [\d.]+ m?s$", closing, re.MULTILINE)
    assert steps == [
        *("start", "processes", "photograph", "threads", "video", "pipeline", "stop"),
    ]
    assert f"Results are in {tour.out}: after.jpg" in closing


def check_calls(stdout: str) -> None:
    rows = re.findall(r"^ +(\d)  +(\d+)  +(\d+)(?:  (.*))?$", stdout, re.MULTILINE)
    calls = {int(pid): int(count) for _, pid, count, _ in rows}
    assert len(calls) == 5
    assert sum(calls.values()) == 1000
    (_, killed, _, how), (slot, successor, share, note) = rows[:2]
    assert how == "killed with SIGKILL at call 300"
    assert (slot, note) == ("0", f"took the place of {killed}")
    assert int(share) > 0
    attempts = re.search(r"^1000 calls, (\d+) attempts, 0 failures$", stdout, re.MULTILINE)
    assert attempts
    assert int(attempts[1]) >= 1000
    assert f"{successor} took over from {killed}" in stdout


def check_photograph(out: Path) -> None:
    before = np.asarray(Image.open(out / "before.jpg"))
    factors = np.array([1.2, 1.1, 0.9], np.float32)
    brighter = np.minimum(np.rint(before * factors), 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(cv2.GaussianBlur(brighter, (0, 0), 2.0)).save(file, "JPEG", quality=90)
    expected = np.asarray(Image.open(file))
    after = np.asarray(Image.open(out / "after.jpg"))
    np.testing.assert_array_equal(after, expected)
    assert np.abs(after.astype(int) - before).mean() > 5


def check_threads(stdout: str) -> None:
    pattern = r"^(\w+)  .+?  +(\d+)  +[\d.]+ m?s  +[\d.]+x  +([\d.]+)$"
    rows = re.findall(pattern, stdout, re.MULTILINE)
    results: dict[str, set[float]] = {}
    for kernel, _, result in rows:
        results.setdefault(kernel, set()).add(float(result))
    assert results["fibonacci"] == {9227465.0}
    # The means of x and x^2 over [0, 1), 10 million times.
    (total,), (squares,) = results["random_sum"], results["sum_of_squares"]
    assert total == pytest.approx(5e6, rel=1e-3)
    assert squares == pytest.approx(1e7 / 3, rel=1e-3)
    assert {threads for _, threads, _ in rows} >= {"1"}


def check_video(out: Path, stdout: str) -> None:
    probe = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams"]
    said = subprocess.run([*probe, out / "clip.webm"], capture_output=True, check=True).stdout
    found = json.loads(said)
    assert "webm" in found["format"]["format_name"]
    assert float(found["format"]["duration"]) == pytest.approx(6, abs=0.2)
    assert {each["codec_name"] for each in found["streams"]} == {"vp8", "opus"}
    assert f"{float(found['format']['duration']):.2f} s  video vp8 + audio opus" in stdout
    assert "clip.mp4 to clip.webm: 100%, " in stdout


def check_pipeline(stdout: str) -> None:
    lines = stdout[stdout.index("USER  ") :].splitlines()
    assert re.match(r"USER +PID +%CPU", lines[0])
    assert all(re.match(r"\S+ +\d+ +[\d.]+ ", line) for line in lines[1:10])
    assert lines[10].startswith("STAGE")
    assert re.search(r"^head +exited with code 0 ", stdout, re.MULTILINE)


def test_a_failed_step_is_named_and_nothing_is_left(tour: Tour) -> None:
    empty = tour.folder / "bin"
    empty.mkdir()
    code, stdout, stderr = ended(tour.start(PATH=str(empty)))
    assert code == 1
    assert stderr.endswith(
        "The step `video` failed: ffmpeg is not on PATH; "
        "install it, as with `apt-get install ffmpeg`\n"
    )
    assert re.search(r"^video +FAILED: ffmpeg is not on PATH", stdout, re.MULTILINE)
    # What went before is there, what comes after is not.
    assert (tour.out / "after.jpg").exists()
    assert not re.search(r"^pipeline ", stdout, re.MULTILINE)
    tour.check_nothing_is_left()


def test_a_mesh_that_cannot_start_is_a_failed_step(tour: Tour) -> None:
    (tour.folder / "msgspec.py").write_text("raise ImportError('broken on purpose')\n")
    code, stdout, stderr = ended(tour.start(PYTHONPATH=str(tour.folder)))
    assert code == 1
    assert "The step `start` failed: the mesh could not start; see " in stderr
    assert "broken on purpose" in (tour.out / "mesh.log").read_text()
    assert not re.search(r"^processes ", stdout, re.MULTILINE)
    tour.check_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_tour_stops_its_mesh(tour: Tour, number: signal.Signals) -> None:
    process = tour.start()
    assert process.stdout
    for line in process.stdout:
        if line.startswith("8 workers"):
            break
    # The tour, the supervisor, the control process and the workers.
    deadline = time.monotonic() + 10
    while len(tour.processes()) < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(tour.processes()) >= 10
    process.send_signal(number)
    code, stdout, stderr = ended(process)
    assert code == 130, stderr
    assert re.search(r"^\w+ +interrupted ", stdout, re.MULTILINE)
    assert stderr.endswith("Interrupted; everything is stopped.\n")
    tour.check_nothing_is_left()
