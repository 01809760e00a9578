"""The control process as a whole, with a supervisor that is a list of what it was sent."""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.request
from pathlib import Path
from typing import cast

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from tercet import rpc
from tercet.cluster.control import register
from tercet.cluster.messages import (
    Done,
    EventKind,
    Events,
    Message,
    Order,
    OrderKind,
    Serving,
    Workers,
)
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.cluster.worker.context import Worker
from tercet.errors import ConfigError
from tercet.gateway import asking
from tercet.rpc import health, reflection
from tests.support import eventually, running
from tests.unit.cluster.control.made import description, event, record, reported, worker

OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
SEEN: list[int] = []


def seen(happened: object) -> None:
    """A hook."""
    SEEN.append(happened.sequence)  # type: ignore[attr-defined]


def tell(control: Worker, *messages: Message) -> None:
    for message in messages:
        control.hear(message)


async def end(control: Worker) -> None:
    for callback in control.draining:
        callback()
    for closer in reversed(control.closing):
        await closer()


def target(listening: socket.socket) -> str:
    return f"127.0.0.1:{listening.getsockname()[1]}"


async def check(address: str, name: str) -> int:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service=name), timeout=30
        )
        return int(answer.status)


async def test_all_that_it_tells_it_was_told(tmp_path: Path) -> None:
    sent: list[Message] = []
    control = worker(sent)
    server = rpc.server(engine="native")
    SEEN.clear()
    register(server, health="", hooks={"worker_ready": f"{__name__}:seen"}, worker=control)
    tell(
        control,
        Events([event(1), event(2)]),
        description("greeter", revision=4),
        Workers(3, [record(pid=os.getpid())]),
        reported(ended=7),
        event(3),
    )
    async with running(server, tmp_path) as channel:
        stub = cast("cluster_pb2_grpc.ClusterAsyncStub", cluster_pb2_grpc.ClusterStub(channel))
        events = await stub.WatchEvents(cluster_pb2.WatchEventsRequest(after=1)).read()
        assert [each.sequence for each in events.events] == [2, 3]
        described = await stub.Describe(cluster_pb2.DescribeRequest())
        assert (described.revision, described.last_event) == (4, 3)
        usage = await stub.WatchUsage(cluster_pb2.WatchUsageRequest()).read()
        assert usage.workers[0].calls == 7
        assert usage.workers[0].rss_bytes > 1 << 20
        kill = asyncio.ensure_future(stub.Kill(cluster_pb2.KillRequest(service="greeter")))
        await eventually(lambda: bool(sent))
        order = cast("Order", sent[0])
        assert order.kind is OrderKind.KILL
        tell(control, Done(number=order.number))
        await kill
    await end(control)
    assert SEEN == [1, 2, 3]


async def test_hooks_are_called_by_the_newest_control_process_alone() -> None:
    old, new = worker([]), worker([], generation=2)
    SEEN.clear()
    hooks = {"worker_ready": f"{__name__}:seen"}
    for each in (old, new):
        register(rpc.server(engine="native"), health="", hooks=hooks, worker=each)
    tell(old, Events([event(1)]), Workers(1, [record("control")]))
    started = event(2, EventKind.WORKER_STARTED, service="control", generation=1)
    tell(new, Events([started]))
    both = [record("control", state=State.DRAINING), record("control", generation=2)]
    for each in (old, new):
        tell(each, Workers(2, both), event(3))
        await end(each)
    assert SEEN == [1, 3]


async def test_it_asks_workers_whether_they_serve(tmp_path: Path) -> None:
    sent: list[Message] = []
    control = worker(sent)
    register(rpc.server(engine="native"), health="", worker=control)
    async with running(rpc.server(), tmp_path):
        starting = record(state=State.STARTING, address=f"unix:{tmp_path}/s")
        tell(control, Workers(1, [starting]))
        await eventually(lambda: sent == [Serving("greeter", 0, 1)])
    await end(control)


async def test_the_port_of_probes_tells_what_it_serves_and_of_what_it_has_no_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address, control = f"127.0.0.1:{listening.getsockname()[1]}", worker([])
        where = f"fd:{listening.fileno()}"
        register(rpc.server(engine="native"), health=where, worker=control)
        tell(control, description("greeter"), Workers(1, [record(), record("control")]))
        async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
            assert await asking.services(channel) == {health.SERVICE, *reflection.SERVICES}
            described = await asking.ask(
                channel, ServerReflectionRequest(file_containing_symbol=health.SERVICE)
            )
            assert described.file_descriptor_response.file_descriptor_proto
        for name in ("control", "nobody"):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await check(address, name)
            assert raised.value.code() is grpc.StatusCode.NOT_FOUND
        await end(control)


async def test_a_successor_takes_over_health_without_a_wrong_answer() -> None:
    serving = health_pb2.HealthCheckResponse.SERVING
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where, address = f"fd:{listening.fileno()}", target(listening)
        workers = Workers(1, [record("control"), record()])
        first = worker([])
        register(rpc.server(engine="native"), health=where, worker=first)
        tell(first, workers)
        assert await check(address, "readiness") == serving
        # It has been told nothing, and waits for that rather than to say that nobody serves.
        second = worker([], generation=2)
        register(rpc.server(engine="native"), health=where, worker=second)
        await end(first)
        asked = asyncio.create_task(check(address, "readiness"))
        done, _ = await asyncio.wait([asked], timeout=0.2)
        assert not done
        tell(second, workers)
        assert await asked == serving
        await end(second)
        assert not os.get_inheritable(listening.fileno())


async def test_watches_of_health_end_without_a_word_that_nobody_serves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        control = worker([])
        register(rpc.server(engine="native"), health=f"fd:{listening.fileno()}", worker=control)
        tell(control, Workers(1, [record()]))
        async with grpc.aio.insecure_channel(target(listening), options=OPTIONS) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(service="liveness")
            )
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            ended = asyncio.create_task(end(control))
            assert await watch.read() is grpc.aio.EOF
            await ended


async def test_metrics_are_served_where_the_supervisor_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        control = worker([])
        register(
            rpc.server(engine="native"),
            health="",
            metrics=f"fd:{listening.fileno()}",
            worker=control,
        )
        tell(control, Events([event(1)]), Workers(1, [record()]), event(2))
        url = f"http://{target(listening)}/metrics"

        def get() -> bytes:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return bytes(answer.read())

        text = await asyncio.to_thread(get)
        assert b'tercet_mesh_events_total{kind="worker_ready"} 2.0' in text
        await end(control)


async def test_a_changed_file_orders_a_reload(tmp_path: Path) -> None:
    sent: list[Message] = []
    control = worker(sent)
    register(rpc.server(engine="native"), health="", watch=[str(tmp_path)], worker=control)
    for number in range(200):
        (tmp_path / "a.py").write_text(f"x = {number}\n")
        await asyncio.sleep(0.05)
        if sent:
            break
    order = cast("Order", sent[0])
    assert order.kind is OrderKind.RELOAD
    tell(control, Done(number=order.number, error="bad", reason="RELOAD_FAILED"))
    await end(control)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"health": "fd:12345"}, "not inherited"),
        ({"health": "", "metrics": "fd:12345"}, "not inherited"),
        ({"health": "203.0.113.1:1"}, "for health"),
        ({"health": "", "metrics": "203.0.113.1:1"}, "for metrics"),
        ({"health": "", "hooks": {"x": "os:getpid"}}, "no event 'x'"),
        ({"health": "", "watch": ["/no/such"]}, "cannot watch"),
    ],
)
async def test_what_cannot_be_is_said_at_the_start(options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        register(rpc.server(engine="native"), **options, worker=worker([]))  # type: ignore[arg-type]
