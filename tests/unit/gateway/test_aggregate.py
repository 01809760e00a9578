"""Reflection over several upstreams, as if they were one server."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest
from grpc_health.v1 import health_pb2  # noqa: F401  (puts the file into the default pool)
from grpc_reflection.v1alpha import reflection_pb2

from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2_grpc
from tercet import rpc
from tercet.cluster.v1 import cluster_pb2_grpc
from tercet.gateway.aggregate import AggregateReflection
from tercet.gateway.channels import channel
from tercet.gateway.member import Kept
from tercet.rpc import reflection
from tests.support import running
from tests.unit.gateway.standins import Endpoint, Keeper
from tests.unit.gateway.test_routes import Made

Request = reflection_pb2.ServerReflectionRequest


@pytest.mark.parametrize("service", reflection.SERVICES)
async def test_two_upstreams_look_like_one(service: str, tmp_path: Path) -> None:
    greeter, cluster, bare, front = (rpc.server() for _ in range(4))
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), greeter)
    # It is only looked at.
    cluster_pb2_grpc.add_ClusterServicer_to_server(cluster_pb2_grpc.ClusterServicer(), cluster)
    made = Made()
    reflection.add_to(front, AggregateReflection(made.routes))
    async with AsyncExitStack() as stack:
        for name, server in {"greeter": greeter, "cluster": cluster, "bare": bare}.items():
            (tmp_path / name).mkdir()
            made.add(name, server.service_names if name != "bare" else ["bare.Bare"])
            if name != "bare":
                # `bare` has no reflection: it is passed over.
                reflection.add_to(server, reflection.local(server.service_names))
            await stack.enter_async_context(running(server, tmp_path / name))
            # The first endpoint of each is not there.
            for number, where in enumerate((tmp_path / "nowhere", tmp_path / name)):
                keeper = Keeper(lambda: None, lambda: None)
                keeper.channel = await stack.enter_async_context(channel(f"unix:{where}/s"))
                kept = Kept(cast("Any", Endpoint()), keeper)
                made.members[name].kept[str(number)] = kept
        made.routes.update()
        asking = await stack.enter_async_context(running(front, tmp_path))
        call = asking.stream_stream(
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
