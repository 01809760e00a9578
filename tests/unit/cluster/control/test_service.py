"""tercet.cluster.v1 over a socket, with a supervisor that is a list of what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tercet import rpc
from tercet.cluster.control.events import EventLog
from tercet.cluster.control.lists import Lists
from tercet.cluster.control.orders import Orders
from tercet.cluster.control.reports import Reports
from tercet.cluster.control.service import Cluster
from tercet.cluster.control.usage import Usage
from tercet.cluster.messages import Done, Order, OrderKind, Workers
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.errors import Unavailable
from tests.support import eventually, running
from tests.unit.cluster.control.made import description, event, record


class Mesh:
    """A servicer and what it is made of."""

    def __init__(self) -> None:
        self.sent: list[Order] = []
        self.lists = Lists()
        self.events = EventLog()
        self.orders = Orders(self.sent.append)
        usage = Usage(self.lists, Reports())
        self.cluster = Cluster(self.lists, self.events, usage, self.orders)

    @asynccontextmanager
    async def served(self, folder: Path) -> AsyncIterator[cluster_pb2_grpc.ClusterAsyncStub]:
        server = rpc.server()
        cluster_pb2_grpc.add_ClusterServicer_to_server(self.cluster, server)
        async with running(server, folder) as channel:
            yield cast("cluster_pb2_grpc.ClusterAsyncStub", cluster_pb2_grpc.ClusterStub(channel))

    async def ordered(self) -> Order:
        await eventually(lambda: bool(self.sent))
        return self.sent[0]


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


def detail(error: grpc.aio.AioRpcError, kind: Any) -> Any:
    status = rpc_status.from_call(cast("Any", error))
    assert status
    for packed in status.details:
        found = kind()
        if packed.Unpack(found):
            return found
    raise AssertionError(f"no {kind} in {status}")


async def test_watch_gives_the_whole_list_at_once_and_after_each_change(
    mesh: Mesh, tmp_path: Path
) -> None:
    mesh.lists.update(Workers(1, [record()]))
    async with mesh.served(tmp_path) as stub:
        watch = stub.Watch(cluster_pb2.WatchRequest())
        first = await watch.read()
        assert (first.version, first.workers[0].pid, first.workers[0].restarts) == (1, 42, 3)
        mesh.lists.update(Workers(2, []))
        second = await watch.read()
        assert (second.version, list(second.workers)) == (2, [])
        listed = await stub.ListWorkers(cluster_pb2.ListWorkersRequest())
        assert listed.version == 2
        mesh.cluster.shut_down(0)
        assert await watch.read() is grpc.aio.EOF


async def test_the_workers_of_a_slot_are_listed_side_by_side(mesh: Mesh, tmp_path: Path) -> None:
    old, new = record(state=State.DRAINING), record(generation=2, revision=2, pid=43)
    mesh.lists.update(Workers(1, [old, new]))
    async with mesh.served(tmp_path) as stub:
        listed = await stub.ListWorkers(cluster_pb2.ListWorkersRequest())
    assert [(each.generation, each.revision) for each in listed.workers] == [(1, 1), (2, 2)]


async def test_nobody_is_told_of_no_workers_before_the_first_list(mesh: Mesh) -> None:
    context = cast("Any", None)
    watch = mesh.cluster.Watch(cluster_pb2.WatchRequest(), context)
    first = asyncio.ensure_future(anext(watch))
    listed = asyncio.create_task(
        mesh.cluster.ListWorkers(cluster_pb2.ListWorkersRequest(), context)
    )
    described = asyncio.create_task(mesh.cluster.Describe(cluster_pb2.DescribeRequest(), context))
    await asyncio.sleep(0)
    mesh.lists.update(Workers(7, [record()]))
    assert (await first).version == 7
    assert (await listed).version == 7
    assert not described.done()
    mesh.lists.update(description("greeter"))
    assert (await described).pid == 7


async def test_who_waits_for_the_first_list_when_the_mesh_stops_is_told(mesh: Mesh) -> None:
    listed = asyncio.create_task(
        mesh.cluster.ListWorkers(cluster_pb2.ListWorkersRequest(), cast("Any", None))
    )
    await asyncio.sleep(0)
    mesh.cluster.shut_down(0)
    with pytest.raises(Unavailable):
        await listed


async def test_describe_tells_what_is_meant_and_what_is_under_way(
    mesh: Mesh, tmp_path: Path
) -> None:
    mesh.lists.update(
        description("a", "b", revision=3, reload_error="bad", operation="scale a to 2")
    )
    mesh.events.fill([event(1), event(2)])
    async with mesh.served(tmp_path) as stub:
        found = await stub.Describe(cluster_pb2.DescribeRequest())
    assert [service.name for service in found.services] == ["a", "b"]
    assert (found.revision, found.reload_error, found.operation) == (3, "bad", "scale a to 2")
    assert (found.runtime_dir, found.last_event) == ("/run/x", 2)
    assert found.started.ToMilliseconds() == 1_700_000_000_500


async def test_events_are_resumed_by_their_number(mesh: Mesh, tmp_path: Path) -> None:
    mesh.events.fill([event(number) for number in range(1, 4)])
    async with mesh.served(tmp_path) as stub:
        cut_off = stub.WatchEvents(cluster_pb2.WatchEventsRequest(after=0))
        assert [each.sequence for each in (await cut_off.read()).events] == [1, 2, 3]
        cut_off.cancel()
        mesh.events.add(event(4))
        resumed = stub.WatchEvents(cluster_pb2.WatchEventsRequest(after=3))
        assert [each.sequence for each in (await resumed.read()).events] == [4]
        mesh.cluster.shut_down(0)
        assert await resumed.read() is grpc.aio.EOF


@pytest.mark.parametrize(
    ("after", "code", "reason"),
    [
        (3, grpc.StatusCode.OUT_OF_RANGE, "EVENTS_FORGOTTEN"),
        (-1, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    ],
)
async def test_events_that_are_not_there_are_an_error(
    mesh: Mesh, tmp_path: Path, after: int, code: grpc.StatusCode, reason: str
) -> None:
    mesh.events.fill([event(1)])
    async with mesh.served(tmp_path) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.WatchEvents(cluster_pb2.WatchEventsRequest(after=after)).read()
    assert raised.value.code() is code
    assert detail(raised.value, error_details_pb2.ErrorInfo).reason == reason


async def test_usage_comes_at_once_and_after_each_interval(mesh: Mesh, tmp_path: Path) -> None:
    mesh.lists.update(Workers(1, [record(), record(slot=1, pid=0, state=State.GONE)]))
    async with mesh.served(tmp_path) as stub:
        watch = stub.WatchUsage(cluster_pb2.WatchUsageRequest(interval=Duration(nanos=100_000_000)))
        for _ in range(2):
            assert [each.worker.slot for each in (await watch.read()).workers] == [0]
        mesh.cluster.shut_down(0)
        assert await watch.read() is grpc.aio.EOF


@pytest.mark.parametrize("interval", [Duration(nanos=1), Duration(seconds=-1)])
async def test_usage_cannot_be_had_all_the_time(
    mesh: Mesh, tmp_path: Path, interval: Duration
) -> None:
    async with mesh.served(tmp_path) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.WatchUsage(cluster_pb2.WatchUsageRequest(interval=interval)).read()
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_reload_answers_when_it_is_done(mesh: Mesh, tmp_path: Path) -> None:
    mesh.lists.update(description())
    async with mesh.served(tmp_path) as stub:
        call = asyncio.ensure_future(stub.Reload(cluster_pb2.ReloadRequest()))
        order = await mesh.ordered()
        assert order.kind is OrderKind.RELOAD
        assert not call.done()
        mesh.lists.update(description(revision=2))
        mesh.orders.done(Done(number=order.number))
        assert (await call).revision == 2


async def test_orders_say_what_was_asked_for(mesh: Mesh, tmp_path: Path) -> None:
    async with mesh.served(tmp_path) as stub:
        calls = [
            stub.Scale(cluster_pb2.ScaleRequest(service="s", workers=4)),
            stub.Recycle(cluster_pb2.RecycleRequest(service="s")),
            stub.Recycle(cluster_pb2.RecycleRequest(service="s", slot=0)),
            stub.Kill(cluster_pb2.KillRequest(service="s", slot=2, generation=5)),
        ]
        await eventually(lambda: len(mesh.sent) == len(calls))
        for order in mesh.sent:
            mesh.orders.done(Done(number=order.number))
        await asyncio.gather(*calls)
    assert sorted(
        (order.kind.value, order.service, order.workers, order.slot, order.generation)
        for order in mesh.sent
    ) == [
        ("kill", "s", 0, 2, 5),
        ("recycle", "s", 0, -1, 0),
        ("recycle", "s", 0, 0, 0),
        ("scale", "s", 4, -1, 0),
    ]


@pytest.mark.parametrize(
    ("verb", "request_", "field"),
    [
        ("Scale", cluster_pb2.ScaleRequest(workers=1), "service"),
        ("Scale", cluster_pb2.ScaleRequest(service="s"), "workers"),
        ("Recycle", cluster_pb2.RecycleRequest(), "service"),
        # In an order it would mean all of them.
        ("Recycle", cluster_pb2.RecycleRequest(service="s", slot=-1), "slot"),
        ("Kill", cluster_pb2.KillRequest(service="s", slot=-1), "slot"),
        ("Kill", cluster_pb2.KillRequest(service="s", generation=-1), "generation"),
    ],
)
async def test_what_cannot_be_meant_is_refused_here(
    mesh: Mesh, tmp_path: Path, verb: str, request_: Any, field: str
) -> None:
    async with mesh.served(tmp_path) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await getattr(stub, verb)(request_)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    found = detail(raised.value, error_details_pb2.BadRequest)
    assert [violation.field for violation in found.field_violations] == [field]
    assert not mesh.sent


async def test_an_order_outlives_its_caller(mesh: Mesh, tmp_path: Path) -> None:
    async with mesh.served(tmp_path) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.Reload(cluster_pb2.ReloadRequest(), timeout=0.2)
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        order = await mesh.ordered()
        mesh.orders.done(Done(number=order.number))


async def test_who_asked_for_the_reload_that_ends_this_process_is_answered(
    mesh: Mesh, tmp_path: Path
) -> None:
    mesh.lists.update(description(revision=2))
    async with mesh.served(tmp_path) as stub:
        call = asyncio.ensure_future(stub.Reload(cluster_pb2.ReloadRequest()))
        order = await mesh.ordered()
        mesh.cluster.shut_down(30)
        mesh.orders.done(Done(number=order.number))
        assert (await call).revision == 2


async def test_who_waits_when_the_mesh_stops_is_told_that_nothing_is_known(
    mesh: Mesh, tmp_path: Path
) -> None:
    async with mesh.served(tmp_path) as stub:
        call = asyncio.ensure_future(stub.Reload(cluster_pb2.ReloadRequest()))
        await mesh.ordered()
        mesh.cluster.shut_down(0)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert detail(raised.value, error_details_pb2.ErrorInfo).reason == "STOPPING"
