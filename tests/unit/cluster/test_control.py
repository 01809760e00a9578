"""What the control process makes of the list of workers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import msgspec

from tercet import rpc
from tercet.cluster.control.aggregate import statuses
from tercet.cluster.control.probes import Prober, is_serving
from tercet.cluster.control.service import STATES, Cluster
from tercet.cluster.messages import Serving, WorkerRecord, Workers
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.rpc.health import NOT_SERVING, SERVING, Health
from tests.support import eventually, running


def record(service: str = "greeter", **changes: Any) -> WorkerRecord:
    made = WorkerRecord(
        service=service,
        slot=0,
        generation=1,
        pid=42,
        state=State.READY,
        bound=True,
        address="unix:/x",
        bind="",
        grpc_services=["a.B"],
        started=1_700_000_000.5,
        restarts=3,
        last_exit="killed by SIGKILL",
        routed=True,
    )
    return msgspec.structs.replace(made, **changes)


def test_every_state_has_its_value_in_the_proto() -> None:
    assert set(STATES) == set(State)
    assert set(STATES.values()) == set(cluster_pb2.WorkerState.values()) - {0}


def test_a_service_is_healthy_while_one_worker_is_ready() -> None:
    dying = record(slot=1, state=State.GONE)
    assert statuses([record(), dying])["a.B"] == SERVING
    assert statuses([record(), dying])["readiness"] == SERVING
    assert statuses([dying])["greeter"] == NOT_SERVING


def test_readiness_needs_every_service_and_liveness_none() -> None:
    health = statuses([record(), record("compute", state=State.STARTING, grpc_services=[])])
    assert (health["readiness"], health[""]) == (NOT_SERVING, NOT_SERVING)
    assert health["liveness"] == SERVING
    assert statuses([record("control")])["readiness"] == NOT_SERVING


async def test_watch_gives_the_whole_list_at_once_and_after_each_change(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.update(Workers(1, [record()]))
    server = rpc.server()
    cluster_pb2_grpc.add_ClusterServicer_to_server(cluster, server)
    async with running(server, tmp_path) as channel:
        stub = cluster_pb2_grpc.ClusterStub(channel)
        watch = stub.Watch(cluster_pb2.WatchRequest())
        first = await watch.read()
        assert (first.version, first.workers[0].pid, first.workers[0].restarts) == (1, 42, 3)
        assert first.workers[0].started.ToMilliseconds() == 1_700_000_000_500
        cluster.update(Workers(2, []))
        second = await watch.read()
        assert (second.version, list(second.workers)) == (2, [])
        listed = await stub.ListWorkers(cluster_pb2.ListWorkersRequest())
        assert listed.version == 2
        cluster.shut_down()
        assert await watch.read() is grpc.aio.EOF


async def test_nobody_is_told_of_no_workers_before_the_first_list() -> None:
    cluster = Cluster()
    watch = cluster.Watch(cluster_pb2.WatchRequest(), cast("Any", None))
    first = asyncio.ensure_future(anext(watch))
    listed = asyncio.create_task(
        cluster.ListWorkers(cluster_pb2.ListWorkersRequest(), cast("Any", None))
    )
    await asyncio.sleep(0)
    cluster.update(Workers(7, [record()]))
    assert (await first).version == 7
    assert (await listed).version == 7


async def test_a_worker_is_found_when_its_health_says_serving(tmp_path: Path) -> None:
    health = Health()
    server = rpc.server()
    health.add_to(server)
    found: list[Serving] = []
    prober = Prober(found=found.append)
    async with running(server, tmp_path):
        starting = record(state=State.STARTING, address=f"unix:{tmp_path}/s")
        prober.update([starting])
        prober.update([starting])
        await asyncio.sleep(0.2)
        assert not found
        health.set({"": SERVING})
        await eventually(lambda: found == [Serving("greeter", 0, 1)])
        prober.update([record()])
        await prober.close()


async def test_a_server_without_health_counts_as_serving(tmp_path: Path) -> None:
    async with running(rpc.server(), tmp_path):
        assert await is_serving(f"unix:{tmp_path}/s")
    assert not await is_serving(f"unix:{tmp_path}/nobody")
