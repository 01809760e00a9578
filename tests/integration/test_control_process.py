"""The control process, killed: a successor goes on at the same sockets with the same numbers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tercet.cluster.link import Link
from tercet.cluster.messages import (
    Bound,
    Description,
    Event,
    EventKind,
    Events,
    Message,
    Start,
    WorkerRecord,
    Workers,
)
from tercet.cluster.process import Child
from tercet.cluster.spec import WorkerSpec
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc

OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
SERVING = health_pb2.HealthCheckResponse.SERVING


class Supervisor:
    """What it would send to a new control process, and the sockets that it would own."""

    def __init__(self, folder: Path, health: socket.socket, metrics: socket.socket) -> None:
        self._folder = folder
        self._sockets = (health, metrics)
        self._generation = 0
        self.events: list[Event] = []
        self.happen()

    @property
    def address(self) -> str:
        return f"unix:{self._folder}/control.{self._generation}"

    def happen(self) -> Event:
        kind = EventKind.WORKER_READY
        self.events.append(Event(sequence=len(self.events) + 1, time=1.0, kind=kind))
        return self.events[-1]

    @asynccontextmanager
    async def control(self) -> AsyncIterator[Link]:
        """Runs a control process; kills it at the end."""
        self._generation += 1
        loop = asyncio.get_running_loop()
        bound: asyncio.Future[None] = loop.create_future()
        exited: asyncio.Future[int] = loop.create_future()

        def heard(message: Message) -> None:
            if isinstance(message, Bound):
                bound.set_result(None)

        ours, theirs = socket.socketpair()
        with theirs:
            child = Child(
                theirs,
                name="control/0",
                on_exit=exited.set_result,
                descriptors=[each.fileno() for each in self._sockets],
            )
        link = Link(ours, on_message=heard)
        link.send(Start(self._spec()))
        try:
            async with asyncio.timeout(60):
                await bound
            yield link
        finally:
            child.signal(signal.SIGKILL)
            await exited
            link.close()

    def tell(self, link: Link) -> None:
        link.send(Events(self.events))
        link.send(
            Description(pid=os.getpid(), runtime_dir="/x", started=1.0, revision=1, services=[])
        )
        record = WorkerRecord(
            service="shop",
            slot=0,
            generation=1,
            pid=os.getpid(),
            state=State.READY,
            bound=True,
            address="unix:/x",
            bind="",
            grpc_services=[],
            started=1.0,
            restarts=0,
            last_exit="",
            routed=True,
        )
        link.send(Workers(1, [record]))

    def _spec(self) -> WorkerSpec:
        health, metrics = self._sockets
        return WorkerSpec(
            service="control",
            slot=0,
            generation=self._generation,
            target="tercet.cluster.control:register",
            options={"health": f"fd:{health.fileno()}", "metrics": f"fd:{metrics.fileno()}"},
            address=self.address,
            bind="",
            control=self.address,
            engine="native",
            grace=1.0,
            max_message_bytes=1 << 22,
            server_options={},
            import_from_cwd=False,
        )


async def check(listening: socket.socket) -> int:
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="shop"), timeout=60
        )
        return int(answer.status)


def scrape(listening: socket.socket) -> str:
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/metrics"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read(), "utf-8")


async def events_after(address: str, after: int) -> list[int]:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stub = cast("cluster_pb2_grpc.ClusterAsyncStub", cluster_pb2_grpc.ClusterStub(channel))
        watch = stub.WatchEvents(cluster_pb2.WatchEventsRequest(after=after), timeout=60)
        return [event.sequence for event in (await watch.read()).events]


async def test_whoever_asks_while_it_is_dead_is_answered_by_its_successor(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as health,
        socket.create_server(("127.0.0.1", 0)) as metrics,
    ):
        mesh = Supervisor(tmp_path, health, metrics)
        async with mesh.control() as link:
            mesh.tell(link)
            assert await check(health) == SERVING
            assert await events_after(mesh.address, 0) == [1]
        # Killed. Events go on, and so do those who ask.
        asked = asyncio.create_task(check(health))
        scraped = asyncio.create_task(asyncio.to_thread(scrape, metrics))
        mesh.happen()
        async with mesh.control() as link:
            mesh.tell(link)
            link.send(mesh.happen())
            assert await asked == SERVING
            text = await scraped
            assert 'tercet_worker_up{service="shop",worker="0"}' in text
            assert await events_after(mesh.address, 1) == [2, 3]
