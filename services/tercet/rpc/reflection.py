"""Server reflection under both of its names.

grpcio-reflection ships v1alpha only. The messages of v1 are the same on the wire (grpcurl#312), so
one servicer is registered twice, and v1 is described by the descriptor of v1alpha under its name.

What answers is loaded at the first call: it would be 0.8 MiB and 8 ms of the start of each worker,
most of which are never asked.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Protocol, cast

import grpc

from tercet.rpc.base import Server
from tercet.rpc.types import Context

if TYPE_CHECKING:
    from grpc_reflection.v1alpha import reflection_pb2

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


class ReflectionServicer(Protocol):
    """Answers the requests of one reflection stream."""

    def ServerReflectionInfo(
        self, request_iterator: AsyncIterator[Any], context: Context
    ) -> AsyncIterator[Any]: ...


def add_to(server: Server, servicer: ReflectionServicer) -> None:
    """Registers a servicer under v1 and v1alpha."""
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=_request,
        response_serializer=_response,
    )
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
            for name in SERVICES
        )
    )


def _request(data: bytes) -> reflection_pb2.ServerReflectionRequest:
    from grpc_reflection.v1alpha import reflection_pb2

    return reflection_pb2.ServerReflectionRequest.FromString(data)


def _response(answer: reflection_pb2.ServerReflectionResponse) -> bytes:
    return answer.SerializeToString()


def local(service_names: Iterable[str]) -> ReflectionServicer:
    """A servicer that describes services of this process from protobuf's default pool."""
    return _Local([*service_names, *SERVICES])


class _Local:
    def __init__(self, names: list[str]) -> None:
        self._names = names

    @functools.cached_property
    def _stock(self) -> ReflectionServicer:
        from grpc_reflection.v1alpha import reflection

        _describe_v1()
        return cast("ReflectionServicer", reflection.aio.ReflectionServicer(self._names))

    async def ServerReflectionInfo(
        self, request_iterator: AsyncIterator[Any], context: Context
    ) -> AsyncIterator[Any]:
        async for answer in self._stock.ServerReflectionInfo(request_iterator, context):
            yield answer


def _describe_v1() -> None:
    """Makes v1 known to protobuf's default pool, from which services are described."""
    from google.protobuf import descriptor_pb2, descriptor_pool, text_format
    from grpc_reflection.v1alpha import reflection_pb2

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
