"""A worker process of a test's own, whose supervisor is the test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc.aio

from tercet.cluster.link import Link
from tercet.cluster.messages import Bound, Message, Start
from tercet.cluster.process import LINK_VARIABLE, WORKER_MODULE, end_session
from tercet.cluster.spec import WorkerSpec
from tests.support import eventually

M = TypeVar("M")


class Hired:
    """The worker, and what it has said."""

    def __init__(self, spec: WorkerSpec, descriptors: Sequence[int], output: Path) -> None:
        self.spec = spec
        self.said: list[Message] = []
        self._output = output
        ours, theirs = socket.socketpair()
        with theirs, output.open("wb") as written:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER_MODULE, "hired/0"],
                pass_fds=[theirs.fileno(), *descriptors],
                start_new_session=True,
                env=os.environ | {LINK_VARIABLE: str(theirs.fileno())},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        self.link = Link(ours, on_message=self.said.append)
        self.link.send(Start(spec))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self._output.read_text()

    def heard(self, kind: type[M]) -> list[M]:
        """What it has said of that kind."""
        return [message for message in self.said if isinstance(message, kind)]

    async def bound(self) -> Hired:
        await self.until(lambda: bool(self.heard(Bound)))
        return self

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition, while it lives."""
        await eventually(lambda: condition() or self.process.poll() is not None, within=30)
        assert condition(), f"it ended with {self.process.returncode}: {self.output}"

    async def ended(self) -> int:
        """Waits for its end; returns the exit code."""
        await eventually(lambda: self.process.poll() is not None, within=30)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            end_session(self.pid)
            self.process.kill()
            self.process.wait()
        self.link.close()


@asynccontextmanager
async def hired(
    target: str = "examples.greeter:register",
    *,
    descriptors: Sequence[int] = (),
    **fields: Any,
) -> AsyncIterator[Hired]:
    """Starts a worker, which ends with the context.

    Args:
        descriptors: What it inherits, under the same numbers.
        fields: Further ones of its spec, beside those that every worker has.
    """
    # Short: a UNIX socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="tercet-test-") as folder:
        given = {
            "service": "hired",
            "slot": 0,
            "generation": 1,
            "target": target,
            "options": {},
            "address": f"unix:{folder}/mesh/w.sock",
            "bind": "",
            "control": "unix:/nowhere",
            "engine": "native",
            "grace": 5.0,
            "max_message_bytes": 4 * 1024 * 1024,
            "server_options": {},
            # Where the examples are.
            "import_from_cwd": True,
        }
        (Path(folder) / "mesh").mkdir()
        worker = Hired(WorkerSpec(**(given | fields)), descriptors, Path(folder) / "output")
        try:
            yield worker
        finally:
            worker.close()


@asynccontextmanager
async def calling(worker: Hired) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to its private socket."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(worker.spec.address, options=options) as channel:
        yield channel
