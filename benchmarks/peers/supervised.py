"""Who is measured by the report of the cluster: a supervisor with workers that say hello.

Whoever answers a call is a worker, and says its pid; nothing else is asked of a peer's insides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ports
from benchmarks.callers import Door
from benchmarks.process import running
from benchmarks.wire.connection import Connection

# What a worker does for a call: wait 5 ms, or compute for about 1 ms.
WORK = "BENCH_WORK"
WAIT, COMPUTE = "wait", "compute"


@dataclass(frozen=True)
class Setup:
    """How to run a peer.

    Attributes:
        folder: For its files.
        port: Of loopback, to serve on.
    """

    folder: Path
    port: int
    workers: int


@dataclass(frozen=True)
class Supervised:
    """One that is measured.

    Attributes:
        key: For the command line.
        kind: What it speaks.
        versions: Installs what is not here yet, and tells what it is made of; raises
            `benchmarks.install.Missing` if it cannot.
        command: That runs it.
        note: What the report has to say of its setup.
    """

    key: str
    name: str
    kind: type[Connection]
    versions: Callable[[], str]
    command: Callable[[Setup], Sequence[str]]
    environ: Callable[[Setup], Mapping[str, str]] = lambda _: {}
    note: str = ""

    @contextmanager
    def run(self, workers: int, work: str, cpus: set[int]) -> Iterator[tuple[int, Door]]:
        """Yields, as soon as it has been started, the supervisor's pid and where to call.

        Raises:
            subprocess.TimeoutExpired: It did not end when it was told to.
        """
        with tempfile.TemporaryDirectory(prefix="tercet-bench-") as folder:
            setup = Setup(Path(folder), ports.free_port(), workers)
            environ = {WORK: work, **self.environ(setup)}
            with running(self.command(setup), cpus=cpus, environ=environ) as (process, _):
                yield process.pid, Door(self.kind, f"{ports.HOST}:{setup.port}")
