"""Routes from lists of workers."""

from __future__ import annotations

import logging

import pytest

from tercet.cluster.v1 import cluster_pb2
from tercet.errors import PermissionDenied, Unavailable, Unimplemented
from tercet.gateway.directory import Directory
from tercet.gateway.health import statuses
from tercet.rpc.health import NOT_SERVING, SERVING

READY = cluster_pb2.WORKER_STATE_READY
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


async def test_a_service_is_found_by_its_full_name() -> None:
    directory = Directory({})
    directory.update([worker("one"), worker("two", serves=("c.D", "grpc.health.v1.Health"))])
    assert directory.find("a.B").name == "one"
    assert directory.find("c.D").name == "two"
    assert list(directory.services()) == ["a.B", "c.D"]


@pytest.mark.parametrize("name", ["", "a", "a.B.C", "grpc.health.v1.Health"])
async def test_what_nobody_serves_is_unimplemented(name: str) -> None:
    directory = Directory({})
    directory.update([worker("one", serves=("a.B", "grpc.health.v1.Health"))])
    with pytest.raises(Unimplemented, match="no upstream serves"):
        directory.find(name)


async def test_a_known_service_without_a_ready_worker_is_unavailable() -> None:
    directory = Directory({})
    directory.update([worker("one")])
    directory.update([worker("one", GONE, serves=())])
    assert statuses(directory) == {"": SERVING, "a.B": NOT_SERVING}
    with pytest.raises(Unavailable, match="no worker of 'one' is ready"):
        directory.find("a.B").pick()


async def test_only_ready_workers_are_picked() -> None:
    directory = Directory({})
    states = [READY, GONE, cluster_pb2.WORKER_STATE_STARTING, cluster_pb2.WORKER_STATE_DRAINING]
    directory.update([worker("one", state, slot=slot) for slot, state in enumerate(states)])
    picked = {directory.find("a.B").pick().address for _ in range(50)}
    assert picked == {"unix:/nowhere/one.0"}


async def test_gateways_and_the_control_process_are_not_routed() -> None:
    directory = Directory({})
    directory.update([worker("control", routed=False, serves=("tercet.cluster.v1.Cluster",))])
    with pytest.raises(Unimplemented):
        directory.find("tercet.cluster.v1.Cluster")


async def test_a_withheld_service_says_what_to_do_and_is_not_listed() -> None:
    directory = Directory({"one": "set expose = true"})
    directory.update([worker("one")])
    with pytest.raises(PermissionDenied, match="set expose = true"):
        directory.find("a.B")
    assert directory.services() == {}
    assert statuses(directory) == {"": SERVING}


async def test_a_service_that_leaves_the_mesh_leaves_the_routes() -> None:
    directory = Directory({})
    directory.update([worker("one")])
    directory.update([])
    with pytest.raises(Unimplemented):
        directory.find("a.B")


async def test_two_services_with_one_name_are_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    directory = Directory({})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            directory.update([worker("one"), worker("two")])
    assert directory.find("a.B").name == "one"
    assert len(caplog.records) == 1


async def test_endpoints_that_stay_keep_their_connection() -> None:
    directory = Directory({})
    directory.update([worker("one")])
    [before] = directory.find("a.B").endpoints
    directory.update([worker("one"), worker("one", slot=1)])
    assert before in directory.find("a.B").endpoints
    assert len(directory.find("a.B").endpoints) == 2
