"""Server reflection under both of its names.

grpcio-reflection ships v1alpha only. The messages of v1 are the same on the wire (grpcurl#312), so
one servicer is registered twice, and v1 is described by the descriptor of v1alpha under its name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol, cast

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from grpc_reflection.v1alpha import reflection, reflection_pb2

from tercet.rpc.base import Server
from tercet.rpc.types import Context

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def _describe_v1() -> None:
    """Makes v1 known to protobuf's default pool, from which services are described."""
    pool = descriptor_pool.Default()
    described = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(described)
    text = text_format.MessageToString(described).replace(
        "grpc.reflection.v1alpha", "grpc.reflection.v1"
    )
    v1 = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
    v1.name = "grpc/reflection/v1/reflection.proto"
    try:
        pool.FindFileByName(v1.name)
    except KeyError:
        pool.AddSerializedFile(v1.SerializeToString())


_describe_v1()


class ReflectionServicer(Protocol):
    """Answers the requests of one reflection stream."""

    def ServerReflectionInfo(
        self, request_iterator: AsyncIterator[Any], context: Context
    ) -> AsyncIterator[Any]: ...


def add_to(server: Server, servicer: ReflectionServicer) -> None:
    """Registers a servicer under v1 and v1alpha."""
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
            for name in SERVICES
        )
    )


def local(service_names: Iterable[str]) -> ReflectionServicer:
    """A servicer that describes services of this process from protobuf's default pool."""
    return cast(
        "ReflectionServicer", reflection.aio.ReflectionServicer([*service_names, *SERVICES])
    )
