"""Everything behind one port: routes, health, reflection, probes, listings."""

from __future__ import annotations

import json
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from tercet.compute.v1 import compute_pb2, compute_pb2_grpc
from tercet.executor.v1 import executor_pb2, executor_pb2_grpc
from tests.integration.meshes import Mesh, run

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def front(mesh: Mesh) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(mesh.gateway) as to:
        yield to


def test_every_service_is_reached_through_the_gateway(front: grpc.Channel) -> None:
    kernels = compute_pb2_grpc.ComputeStub(front).ListKernels(compute_pb2.ListKernelsRequest())
    assert "fibonacci" in {kernel.name for kernel in kernels.kernels}
    programs = executor_pb2_grpc.ExecutorStub(front).ListPrograms(
        executor_pb2.ListProgramsRequest()
    )
    assert {"ffmpeg", "ps", "head"} <= {program.name for program in programs.programs}
    greeting = greeter_pb2_grpc.GreeterStub(front).SayHello(greeter_pb2.SayHelloRequest(name="you"))
    assert greeting.message == "Hello, you!"


def test_health_of_each_service_through_the_gateway(front: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(front)
    listed = stub.List(health_pb2.HealthListRequest()).statuses
    assert {name: each.status for name, each in listed.items()} == {
        "": SERVING,
        "examples.greeter.v1.Greeter": SERVING,
        "tercet.compute.v1.Compute": SERVING,
        "tercet.executor.v1.Executor": SERVING,
    }
    for name in listed:
        assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="no.Such"))
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


def test_reflection_describes_all_upstreams(front: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(front)
    for name in ("tercet.compute.v1.Compute", "tercet.executor.v1.Executor"):
        assert name in database.get_services()
        service = database.FindFileContainingSymbol(name)
        assert service.service
    # A message, and a type that one of them imports.
    assert database.FindFileContainingSymbol("tercet.compute.v1.Tensor").package
    assert database.FindFileContainingSymbol("google.protobuf.Duration").package


def test_an_unknown_service_is_unimplemented_with_a_reason(front: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        front.unary_unary("/no.Such/Method")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    status = status_pb2.Status.FromString(
        dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    )
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("UNKNOWN_SERVICE", "tercet")


def test_the_cluster_service_is_not_on_the_public_port(front: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        front.unary_unary("/tercet.cluster.v1.Cluster/ListWorkers")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_probes_ask_the_health_port(mesh: Mesh) -> None:
    with grpc.insecure_channel(mesh.worker("control")["bind"]) as to:
        stub = health_pb2_grpc.HealthStub(to)
        for name in ("liveness", "readiness", "", "greeter", "tercet.compute.v1.Compute"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING
        # Health and nothing else.
        with pytest.raises(grpc.RpcError) as caught:
            to.unary_unary("/tercet.cluster.v1.Cluster/ListWorkers")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_workers_are_listed_for_people_and_programs(mesh: Mesh) -> None:
    environ = {"TERCET_RUNTIME_DIR": str(mesh.runtime_dir)}
    listed = json.loads(run("workers", "--json", environ=environ).stdout)
    assert [(each["service"], each["slot"]) for each in listed] == [
        ("control", 0),
        ("gateway", 0),
        ("compute", 0),
        ("executor", 0),
        ("greeter", 0),
        ("greeter", 1),
    ]
    assert {each["state"] for each in listed} == {"ready"}
    assert set(listed[0]) == {
        *("service", "slot", "generation", "pid", "state", "address", "bind"),
        *("grpc_services", "started", "restarts", "last_exit", "revision", "retry"),
        *("gateway", "routed"),
    }
    plain = run("workers", environ=environ).stdout.splitlines()
    assert [line.split("\t")[0] for line in plain] == [each["service"] for each in listed]


def test_the_banner_shows_what_to_try(mesh: Mesh) -> None:
    shown = "".join(mesh.stdout)
    for worker in mesh.workers():
        assert str(worker["pid"]) in shown
    assert f"grpcurl -plaintext {mesh.gateway} list" in shown
