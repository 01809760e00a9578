"""A process of this test, which reads lines and answers each with one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Child:
    """`python -m MODULE ...`, until its `with` ends. What it says first is `greeting`."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._module = module

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        # Ends its stdin, which ends it.
        with self.process:
            try:
                self.process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        if kind is None:
            assert self.process.returncode == 0, f"{self._module}: {self.process.returncode}"

    def tell(self, line: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ChildProcessError(f"{self._module} ended")
        return line
