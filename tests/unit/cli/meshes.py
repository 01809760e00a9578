"""A mesh without workers: the sockets of its control process and of its gateways."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc

from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc


class FakeControl(cluster_pb2_grpc.ClusterServicer):
    def __init__(self, workers: Sequence[cluster_pb2.Worker]) -> None:
        self._workers = workers

    def ListWorkers(self, request: Any, context: Any) -> Any:
        return cluster_pb2.ListWorkersResponse(workers=self._workers)


class Meshes:
    """Starts meshes as threads of this process.

    Args:
        base: The directory that TERCET_RUNTIME_DIR names.
    """

    def __init__(self, base: Path, stack: ExitStack) -> None:
        self._base = base
        self._stack = stack

    def path(self, pid: int) -> Path:
        return self._base / str(pid)

    def start(self, pid: int, *workers: cluster_pb2.Worker) -> None:
        """Starts a mesh; without workers its control process does not answer."""
        path = self.path(pid)
        path.mkdir()
        lock = self._stack.enter_context((path / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        if workers:
            server = self.server(f"unix:{path}/control.sock")
            cluster_pb2_grpc.add_ClusterServicer_to_server(FakeControl(workers), server)
            server.start()

    def server(self, address: str) -> grpc.Server:
        """A server that is stopped with the meshes."""
        threads = self._stack.enter_context(ThreadPoolExecutor(1))
        server = grpc.server(threads)
        server.add_insecure_port(address)
        self._stack.callback(lambda: server.stop(None).wait())
        return server


@contextmanager
def meshes() -> Iterator[tuple[str, Meshes]]:
    # Short: the path of a UNIX socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="tercet-") as base, ExitStack() as stack:
        yield base, Meshes(Path(base), stack)
