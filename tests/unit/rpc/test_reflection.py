"""Reflection answers under v1 and v1alpha alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from examples.greeter import Greeter
from examples.greeter.v1 import greeter_pb2_grpc
from tercet import rpc
from tercet.rpc import reflection
from tests.support import running


@pytest.mark.parametrize("service", reflection.SERVICES)
async def test_lists_and_describes(service: str, engine: str, tmp_path: Path) -> None:
    server = rpc.server(engine=engine)
    greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
    reflection.add_to(server, reflection.local(server.service_names))
    async with running(server, tmp_path) as channel:
        call = channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = await call.read()
        await call.write(
            reflection_pb2.ServerReflectionRequest(
                file_containing_symbol="examples.greeter.v1.Greeter"
            )
        )
        described = await call.read()
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=service))
        itself = await call.read()
        await call.done_writing()
    [own] = itself.file_descriptor_response.file_descriptor_proto
    assert descriptor_pb2.FileDescriptorProto.FromString(own).package == service.rpartition(".")[0]
    assert [each.name for each in listed.list_services_response.service] == [
        "examples.greeter.v1.Greeter",
        *reflection.SERVICES,
    ]
    [file] = described.file_descriptor_response.file_descriptor_proto
    assert descriptor_pb2.FileDescriptorProto.FromString(file).package == "examples.greeter.v1"
