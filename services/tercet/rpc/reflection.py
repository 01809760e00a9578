"""Server reflection under both of its names.

grpcio-reflection ships v1alpha only. The messages of v1 are the same on the wire (grpcurl#312), so
one servicer is registered twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol, cast

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from tercet.rpc.base import Server
from tercet.rpc.types import Context

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
