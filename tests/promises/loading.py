"""The process of callers, seen from the test that starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.promises.form import TIMEOUT
from tests.promises.load import Group, Plan
from tests.promises.outcomes import Report

ROOT = Path(__file__).parents[2]


class Calling:
    """Callers that run.

    Attributes:
        report: How their calls ended, once they have come to rest.
        pid: Of their process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        assert self._report is not None, "they still call"
        return self._report

    def over(self, report: Report) -> None:
        self._report = report


@contextmanager
def calling(*groups: Group, seed: int | None = None) -> Iterator[Calling]:
    """Each caller has had an answer when the `with` begins; they come to rest when it ends."""
    if seed is None:
        seed = int(os.environ.get("TERCET_SOAK_SEED") or int.from_bytes(os.urandom(4)))
    print(f"TERCET_SOAK_SEED={seed}")
    with tempfile.TemporaryDirectory(prefix="tercet-load-") as folder:
        path = Path(folder) / "outcomes"
        plan = Plan(groups=list(groups), report=str(path), seconds=TIMEOUT, seed=seed)
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.promises.load", msgspec.json.encode(plan).decode()],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdin and child.stdout
        with child:
            try:
                assert child.stdout.readline() == "calling\n", f"{child.wait()}"
                running = Calling(child.pid)
                yield running
                child.stdin.close()
                assert child.wait(60) == 0
                running.over(Report.read(path))
            finally:
                child.kill()
