"""Reflection over several upstreams, as if they were one server."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2  # noqa: F401  (puts the file into the default pool)
from grpc_reflection.v1alpha import reflection_pb2

from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2_grpc
from tercet import rpc
from tercet.cluster.control.service import Cluster
from tercet.cluster.v1 import cluster_pb2, cluster_pb2_grpc
from tercet.gateway.directory import Directory
from tercet.gateway.reflection import AggregateReflection
from tercet.rpc import reflection
from tests.support import running

Request = reflection_pb2.ServerReflectionRequest


@pytest.mark.parametrize("service", reflection.SERVICES)
async def test_two_upstreams_look_like_one(service: str, tmp_path: Path) -> None:
    greeter, cluster, bare, front = (rpc.server() for _ in range(4))
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), greeter)
    cluster_pb2_grpc.add_ClusterServicer_to_server(Cluster(), cluster)
    directory = Directory({})
    reflection.add_to(front, AggregateReflection(directory))
    async with AsyncExitStack() as stack:
        workers = []
        for name, server in {"greeter": greeter, "cluster": cluster, "bare": bare}.items():
            (tmp_path / name).mkdir()
            if name != "bare":
                # `bare` has no reflection: it is passed over.
                reflection.add_to(server, reflection.local(server.service_names))
            await stack.enter_async_context(running(server, tmp_path / name))
            workers.append(
                cluster_pb2.Worker(
                    service=name,
                    state=cluster_pb2.WORKER_STATE_READY,
                    address=f"unix:{tmp_path / name}/s",
                    grpc_services=[*server.service_names] if name != "bare" else ["bare.Bare"],
                    routed=True,
                )
            )
        channel = await stack.enter_async_context(running(front, tmp_path))
        directory.update(workers)
        call = channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=Request.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        asked = [
            Request(list_services="*"),
            Request(file_containing_symbol="examples.greeter.v1.Greeter"),
            Request(file_containing_symbol="tercet.cluster.v1.Worker.pid"),
            Request(file_by_filename="tercet/cluster/v1/cluster.proto"),
            Request(file_containing_symbol="grpc.health.v1.Health"),
            Request(file_containing_symbol="no.such.Thing"),
        ]
        answers = []
        for request in asked:
            await call.write(request)
            answers.append(await call.read())
        await call.done_writing()
        directory.update([])
    assert [answer.original_request for answer in answers] == asked
    assert [each.name for each in answers[0].list_services_response.service] == [
        "bare.Bare",
        "examples.greeter.v1.Greeter",
        "grpc.health.v1.Health",
        *reflection.SERVICES,
        "tercet.cluster.v1.Cluster",
    ]
    for answer in answers[1:5]:
        assert answer.file_descriptor_response.file_descriptor_proto
    assert answers[5].error_response.error_code == 5
