"""Who is measured by the report of the proxies: a program before a backend, on one core.

Every proxy has one worker and speaks HTTP/2 in the clear on both sides. Each is set up as well as
we know how: calls share connections to the backend where it can do that, nothing is logged, no
header is added that it can do without, and its windows and buffers are large enough for large
messages.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import ports
from benchmarks.peers import Running
from benchmarks.process import descendants, listening

# Bytes that a stream may have on its way, where a proxy's default is less than it needs.
WINDOW = 1 << 20


@dataclass(frozen=True)
class Tool:
    """A program that is installed.

    Attributes:
        version: For the report.
    """

    path: str
    version: str


@dataclass(frozen=True)
class Route:
    """From where to where, on loopback.

    Attributes:
        folder: For the proxy's files.
        port: To listen on.
        backend: The port behind.
    """

    folder: Path
    port: int
    backend: int


class Proxy(Protocol):
    @property
    def key(self) -> str:
        """For the command line."""

    @property
    def name(self) -> str:
        """As the report names it."""

    def tool(self) -> Tool:
        """Installs what is not here yet.

        Raises:
            benchmarks.install.Missing: It cannot.
        """

    def serve(self, backend: int, cpus: set[int]) -> AbstractContextManager[Running]:
        """Runs it on these CPUs alone before a port of loopback.

        Raises:
            benchmarks.process.NotReady: It does not start.
        """


@dataclass(frozen=True)
class Configured:
    """Fits `Proxy`: a program with a configuration, which listens when it is ready.

    Attributes:
        find: As `Proxy.tool`.
        command: Of the program's path, once the configuration is written.
    """

    key: str
    name: str
    find: Callable[[], Tool]
    command: Callable[[str, Route], Sequence[str]]

    def tool(self) -> Tool:
        return self.find()

    @contextmanager
    def serve(self, backend: int, cpus: set[int]) -> Iterator[Running]:
        with tempfile.TemporaryDirectory(prefix="tercet-proxy-") as folder:
            route = Route(Path(folder), ports.free_port(), backend)
            command = self.command(self.tool().path, route)
            with listening(command, cpus=cpus, port=route.port) as pid:
                processes: Mapping[str, Sequence[int]] = {"proxy": [pid, *descendants(pid)]}
                yield Running(f"{ports.HOST}:{route.port}", processes)


@dataclass(frozen=True)
class Before:
    """Fits `Peer`: a proxy before a backend that runs.

    Attributes:
        proxy: None for the backend itself.
    """

    name: str
    proxy: Proxy | None
    backend: Running

    @contextmanager
    def start(self, cpus: set[int]) -> Iterator[Running]:
        behind = [pid for pids in self.backend.processes.values() for pid in pids]
        if self.proxy is None:
            yield Running(self.backend.address, {}, behind=behind)
            return
        port = int(self.backend.address.rpartition(":")[2])
        with self.proxy.serve(port, cpus) as running:
            yield Running(running.address, running.processes, behind=behind)
