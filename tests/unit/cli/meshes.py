"""A mesh without workers: the sockets of its control process and of its gateways."""

from __future__ import annotations

import fcntl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc

from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.errors import TercetError
from tercet.rpc.status import status_of


class FakeControl(cluster_pb2_grpc.ClusterServicer):
    """A control process whose mesh is what the test says.

    `requests` holds what it was told to do; `refusal`, if there is one, is how that is answered.
    """

    def __init__(self, workers: Sequence[cluster_pb2.Worker]) -> None:
        self.workers = list(workers)
        self.described = cluster_pb2.DescribeResponse(pid=1, revision=1)
        self.requests: list[Any] = []
        self.refusal: TercetError | None = None
        self.revision = 1
        self.usage: list[cluster_pb2.Usage] = []
        self.events: list[cluster_pb2.Event] = []
        # Up to which events are not kept, and after which each stream was asked to begin.
        self.forgotten = 0
        self.watched_after: list[int] = []
        self._changed = threading.Condition()
        self._may_answer = threading.Event()
        self._may_answer.set()

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Until the end of the block, nothing that it is told is done."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()

    def ListWorkers(self, request: Any, context: Any) -> Any:
        return cluster_pb2.ListWorkersResponse(workers=self.workers)

    def Describe(self, request: Any, context: Any) -> Any:
        return self.described

    def WatchUsage(self, request: Any, context: Any) -> Iterator[Any]:
        while context.is_active():
            yield cluster_pb2.WatchUsageResponse(workers=self.usage)
            with self._changed:
                self._changed.wait(request.interval.ToNanoseconds() / 1e9)

    def WatchEvents(self, request: Any, context: Any) -> Iterator[Any]:
        self.watched_after.append(request.after)
        last = request.after
        if last < self.forgotten:
            error = TercetError("they are forgotten", reason="EVENTS_FORGOTTEN")
            if last:
                context.abort_with_status(status_of(error, grpc.StatusCode.OUT_OF_RANGE))
        while context.is_active():
            fresh = [each for each in self.events if each.sequence > max(last, self.forgotten)]
            if fresh:
                yield cluster_pb2.WatchEventsResponse(events=fresh)
                last = fresh[-1].sequence
            with self._changed:
                # Now and then, to see whether the client is still there.
                self._changed.wait(0.05)

    def happen(self, kind: cluster_pb2.EventKind, **fields: Any) -> None:
        """Something happens."""
        sequence = len(self.events) + 1
        self.events.append(cluster_pb2.Event(sequence=sequence, kind=kind, **fields))
        self.described.last_event = sequence
        with self._changed:
            self._changed.notify_all()

    def Reload(self, request: Any, context: Any) -> Any:
        self._told(request, context)
        self.revision += 1
        return cluster_pb2.ReloadResponse(revision=self.revision)

    def Scale(self, request: Any, context: Any) -> Any:
        self._told(request, context)
        return cluster_pb2.ScaleResponse()

    def Recycle(self, request: Any, context: Any) -> Any:
        self._told(request, context)
        return cluster_pb2.RecycleResponse()

    def Kill(self, request: Any, context: Any) -> Any:
        self._told(request, context)
        return cluster_pb2.KillResponse()

    def _told(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        self._may_answer.wait()
        if self.refusal:
            context.abort_with_status(status_of(self.refusal))


class Meshes:
    """Starts meshes as threads of this process.

    Args:
        base: The directory that TERCET_RUNTIME_DIR names.
    """

    def __init__(self, base: Path, stack: ExitStack) -> None:
        self._base = base
        self._stack = stack
        # The servers of the control processes that run.
        self.controls: dict[int, grpc.Server] = {}

    def path(self, pid: int) -> Path:
        return self._base / str(pid)

    def start(self, pid: int, *workers: cluster_pb2.Worker) -> FakeControl:
        """Starts a mesh; without workers its control process does not answer."""
        path = self.path(pid)
        path.mkdir()
        lock = self._stack.enter_context((path / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        control = FakeControl(workers)
        if workers:
            self.serve(pid, control)
        return control

    def serve(self, pid: int, control: FakeControl) -> grpc.Server:
        """Starts the control process of a mesh, once more if it was stopped."""
        server = self.server(f"unix:{self.path(pid)}/control.sock")
        cluster_pb2_grpc.add_ClusterServicer_to_server(control, server)
        server.start()
        self.controls[pid] = server
        return server

    def server(self, address: str) -> grpc.Server:
        """A server that is stopped with the meshes."""
        threads = self._stack.enter_context(ThreadPoolExecutor(8))
        server = grpc.server(threads)
        server.add_insecure_port(address)
        self._stack.callback(lambda: server.stop(None).wait())
        return server


@contextmanager
def meshes() -> Iterator[tuple[str, Meshes]]:
    # Short: the path of a UNIX socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="tercet-") as base, ExitStack() as stack:
        yield base, Meshes(Path(base), stack)
