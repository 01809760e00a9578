"""Starts meshes as a user would: the command `tercet` in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from tercet.cli.workers import as_dict, list_workers
from tercet.cluster.spec import MeshSpec

TERCET = Path(sys.executable).with_name("tercet")
ROOT = Path(__file__).parents[2]
READY = "Ctrl-C stops it."


class Mesh:
    """One running `tercet up` or `tercet serve`.

    Args:
        arguments: The command line after `tercet`.
        environ: Added to the environment, in which no TERCET_* variable is set.
        spec: What is to run, instead of a command line that says it.
        cwd: The directory that it is started in.
    """

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        spec: MeshSpec | None = None,
        cwd: Path = ROOT,
    ) -> None:
        # Short: a UNIX socket's path has at most 107 bytes, and pytest's tmp_path uses up most.
        self.runtime_dir = Path(tempfile.mkdtemp(prefix="tercet-test-"))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
        command, descriptors = [str(TERCET), *arguments], []
        if spec is not None:
            command, descriptors = _handed_over(spec)
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            pass_fds=descriptors,
            env=inherited | {"TERCET_RUNTIME_DIR": str(self.runtime_dir)} | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for descriptor in descriptors:
            os.close(descriptor)
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._readers = [
            threading.Thread(target=_collect, args=(stream, lines), daemon=True)
            for stream, lines in (
                (self._process.stdout, self.stdout),
                (self._process.stderr, self.stderr),
            )
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Of the supervisor: the command became it by exec."""
        return self._process.pid

    @property
    def gateway(self) -> str:
        """ "host:port" of the gateway."""
        return self.bind_of("gateway")

    def bind_of(self, service: str) -> str:
        """ "host:port" that the workers of a service share."""
        return next(str(w["bind"]) for w in self.workers() if w["service"] == service)

    @property
    def folder(self) -> Path:
        """Where its sockets are."""
        return self.runtime_dir / str(self.pid)

    def wait_ready(self, within: float = 60.0) -> Mesh:
        self.wait(lambda: any(READY in line for line in self.stdout), within=within)
        return self

    def wait(self, condition: Callable[[], bool], *, within: float = 20.0) -> None:
        """Waits for a condition while the mesh runs.

        Raises:
            AssertionError: It ended, or the condition did not hold within so many seconds.
        """
        deadline = time.monotonic() + within
        while not condition():
            assert self._process.poll() is None, f"it ended: {self.output()}"
            assert time.monotonic() < deadline, f"not within {within} s: {self.output()}"
            time.sleep(0.02)

    def workers(self, service: str | None = None) -> list[dict[str, Any]]:
        listed = [as_dict(worker) for worker in list_workers(self.folder)]
        return [w for w in listed if service is None or w["service"] == service]

    def worker(self, service: str, slot: int = 0) -> dict[str, Any]:
        return self.workers(service)[slot]

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self, within: float = 20.0) -> int:
        """Waits for the end; returns the exit code."""
        code = self._process.wait(within)
        for reader in self._readers:
            reader.join(within)
        return code

    def exit_code(self, within: float = 20.0) -> int:
        """Waits for the end of this process alone; others may have its streams by then."""
        return self._process.wait(within)

    def stop(self) -> int:
        """Ctrl-C, then the exit code."""
        if self._process.poll() is None:
            self.signal(signal.SIGINT)
        return self.ended()

    def close(self) -> None:
        """Ends it however it stands, and takes its directory away."""
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.ended()
            raise
        finally:
            shutil.rmtree(self.runtime_dir, ignore_errors=True)

    def output(self) -> str:
        return "".join(["\n", *self.stdout, *self.stderr])


def processes_of(session_leaders: list[int]) -> list[int]:
    """The living, not zombie processes of these sessions."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            state, session = after_name[0], int(after_name[3])
            if session in session_leaders and state != "Z":
                found.append(int(entry.name))
    return found


def _handed_over(spec: MeshSpec) -> tuple[list[str], list[int]]:
    """The command of a supervisor, and the descriptors that it needs."""
    descriptor = os.memfd_create("spec")
    os.write(descriptor, msgspec.json.encode(spec))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return [sys.executable, "-m", "tercet.cluster", "--spec-fd", str(descriptor)], [descriptor]


def _collect(stream: Any, lines: list[str]) -> None:
    with stream:
        for line in stream:
            lines.append(line)


def run(*arguments: str, environ: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Any:
    """Runs `tercet` to its end and returns what subprocess.run does."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TERCET_")}
    return subprocess.run(
        [TERCET, *arguments],
        cwd=cwd,
        env=inherited | dict(environ or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
