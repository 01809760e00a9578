"""What an operator does with a mesh: by the rpcs of its control process, and what it tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tests.integration.meshes import Mesh

KIND = "EVENT_KIND_"
# The control process may be away for a moment.
SOON = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]


class Operator:
    """
    Args:
        patience: Seconds for one request.
    """

    def __init__(self, mesh: Mesh, *, patience: float = 90.0) -> None:
        self._address = f"unix:{mesh.folder}/control.sock"
        self._patience = patience

    def reload(self) -> int:
        """The new revision."""
        with self._stub() as stub:
            asked = cluster_pb2.ReloadRequest()
            return stub.Reload(asked, timeout=self._patience, wait_for_ready=True).revision

    def scale(self, service: str, workers: int) -> None:
        with self._stub() as stub:
            asked = cluster_pb2.ScaleRequest(service=service, workers=workers)
            stub.Scale(asked, timeout=self._patience, wait_for_ready=True)

    def recycle(self, service: str, slot: int | None = None) -> None:
        with self._stub() as stub:
            asked = cluster_pb2.RecycleRequest(service=service, slot=slot)
            stub.Recycle(asked, timeout=self._patience, wait_for_ready=True)

    def describe(self) -> cluster_pb2.DescribeResponse:
        with self._stub() as stub:
            asked = cluster_pb2.DescribeRequest()
            return stub.Describe(asked, timeout=self._patience, wait_for_ready=True)

    @contextmanager
    def _stub(self) -> Iterator[cluster_pb2_grpc.ClusterStub]:
        with grpc.insecure_channel(self._address, options=SOON) as channel:
            yield cluster_pb2_grpc.ClusterStub(channel)


class Happened:
    """An event, with the names that the tests use.

    Attributes:
        time: Seconds since the epoch.
    """

    def __init__(self, event: cluster_pb2.Event) -> None:
        self.sequence = event.sequence
        self.kind = cluster_pb2.EventKind.Name(event.kind).removeprefix(KIND).lower()
        self.time = event.time.ToNanoseconds() / 1e9
        self.service = event.service
        self.slot = event.slot
        self.generation = event.generation
        self.pid = event.pid
        self.text = event.text

    def __str__(self) -> str:
        return (
            f"{self.sequence} {self.time:.3f} {self.kind} {self.service}/{self.slot}"
            f" g{self.generation} pid {self.pid}: {self.text}"
        )


class Events:
    """All events of a mesh, from its start; goes on where a lost stream has ended."""

    def __init__(self, mesh: Mesh) -> None:
        self._address = f"unix:{mesh.folder}/control.sock"
        self._mesh = mesh
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._call: grpc.Call | None = None
        self.seen: list[Happened] = []

    def __enter__(self) -> Events:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._call is not None:
            self._call.cancel()
        self._thread.join(20)

    def of(self, kind: str, service: str = "") -> list[Happened]:
        return [
            each
            for each in self.seen
            if each.kind == kind and (not service or each.service == service)
        ]

    def wait(self, condition: Callable[[], bool], *, within: float = 20.0) -> None:
        """Waits until what has happened satisfies a condition.

        Raises:
            AssertionError: It did not within so many seconds.
        """
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"not within {within} s:\n{self}"
            time.sleep(0.02)

    def __str__(self) -> str:
        return "\n".join(map(str, self.seen[-60:]))

    def _watch(self) -> None:
        while not self._over.is_set():
            last = self.seen[-1].sequence if self.seen else 0
            with grpc.insecure_channel(self._address, options=SOON) as channel:
                call = cluster_pb2_grpc.ClusterStub(channel).WatchEvents(
                    cluster_pb2.WatchEventsRequest(after=last), wait_for_ready=True
                )
                self._call = call
                try:
                    for answer in call:
                        self.seen += map(Happened, answer.events)
                except grpc.RpcError:
                    # The control process has died, or we are told to leave.
                    self._over.wait(0.05)
