"""Upstreams from lists of workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tercet import rpc
from tercet.cluster.control.service import Cluster
from tercet.cluster.messages import WorkerRecord, Workers
from tercet.cluster.states import State
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.gateway.sources.source import Address, Found
from tercet.gateway.sources.supervisor import Supervisor
from tests.support import eventually, running

STARTING = cluster_pb2.WORKER_STATE_STARTING
READY = cluster_pb2.WORKER_STATE_READY
DRAINING = cluster_pb2.WORKER_STATE_DRAINING
GONE = cluster_pb2.WORKER_STATE_GONE


def worker(
    service: str,
    state: cluster_pb2.WorkerState = READY,
    *,
    slot: int = 0,
    serves: tuple[str, ...] = ("a.B",),
    routed: bool = True,
) -> cluster_pb2.Worker:
    return cluster_pb2.Worker(
        service=service,
        slot=slot,
        state=state,
        address=f"unix:/nowhere/{service}.{slot}",
        grpc_services=serves,
        routed=routed,
    )


def test_a_service_is_an_upstream_and_its_ready_workers_are_the_endpoints() -> None:
    states = [READY, GONE, STARTING, DRAINING, READY]
    workers = [worker("one", state, slot=slot) for slot, state in enumerate(states)]
    assert Supervisor("").found([*workers, worker("two", serves=("c.D", "e.F"))]) == [
        Found(
            "one",
            (Address("unix:/nowhere/one.0"), Address("unix:/nowhere/one.4")),
            frozenset({"a.B"}),
        ),
        Found("two", (Address("unix:/nowhere/two.0"),), frozenset({"c.D", "e.F"})),
    ]


def test_gateways_and_the_control_process_are_no_upstreams() -> None:
    assert Supervisor("").found([worker("control", routed=False)]) == []


@pytest.mark.parametrize("state", [STARTING, DRAINING, GONE])
def test_a_service_without_a_ready_worker_serves_what_it_served(
    state: cluster_pb2.WorkerState,
) -> None:
    source = Supervisor("")
    source.found([worker("one")])
    for _ in range(2):
        assert source.found([worker("one", state, serves=())]) == [
            Found("one", (), frozenset({"a.B"}))
        ]


def test_while_workers_are_replaced_both_versions_are_served() -> None:
    source = Supervisor("")
    source.found([worker("one")])
    [both] = source.found([worker("one"), worker("one", slot=1, serves=("a.C",))])
    assert both.grpc_services == {"a.B", "a.C"}
    [later] = source.found([worker("one", GONE), worker("one", slot=1, serves=("a.C",))])
    assert later.grpc_services == {"a.C"}


def test_a_service_that_leaves_the_mesh_is_forgotten() -> None:
    source = Supervisor("")
    source.found([worker("one")])
    assert source.found([]) == []
    assert source.found([worker("one", STARTING, serves=())]) == [Found("one", (), frozenset())]


async def test_the_list_is_followed_while_control_processes_come_and_go(tmp_path: Path) -> None:
    told: list[Sequence[Found]] = []
    source = Supervisor(f"unix:{tmp_path}/s")
    following = asyncio.create_task(source.follow(told.append))
    for version, service in enumerate(("one", "two"), 1):
        cluster, server = Cluster(), rpc.server()
        record = WorkerRecord(
            service=service,
            slot=0,
            generation=1,
            pid=1,
            state=State.READY,
            bound=True,
            address="unix:/nowhere",
            bind="",
            grpc_services=["a.B"],
            started=0.0,
            restarts=0,
            last_exit="",
            routed=True,
        )
        cluster.update(Workers(version, [record]))
        cluster_pb2_grpc.add_ClusterServicer_to_server(cluster, server)
        async with running(server, tmp_path):
            await eventually(lambda: len(told) == version)  # noqa: B023
            cluster.shut_down()
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
    assert [found[0].name for found in told] == ["one", "two"]
