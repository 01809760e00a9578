"""Asks one server by reflection."""

from __future__ import annotations

from typing import TypeAlias

import grpc
import grpc.aio
from grpc_reflection.v1alpha import reflection_pb2

from tercet.rpc import reflection

Request: TypeAlias = reflection_pb2.ServerReflectionRequest
Response: TypeAlias = reflection_pb2.ServerReflectionResponse

DEADLINE = 5.0


class NoReflection(Exception):
    """The server answers, and has no reflection."""


async def ask(channel: grpc.aio.Channel, request: Request) -> Response:
    """Asks under v1, then under v1alpha, which is all that many servers have.

    Raises:
        NoReflection: Both are unimplemented, or nothing was answered.
        AioRpcError: The server cannot be asked.
    """
    for service in reflection.SERVICES:
        call = channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=Request.SerializeToString,
            response_deserializer=Response.FromString,
        )(iter([request]), timeout=DEADLINE)
        try:
            async for answer in call:
                return answer
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
        finally:
            call.cancel()
    raise NoReflection


async def services(channel: grpc.aio.Channel) -> frozenset[str]:
    """Full names of what the server serves.

    Raises:
        NoReflection: It has no reflection.
        AioRpcError: It cannot be asked.
    """
    answer = await ask(channel, Request(list_services="*"))
    if not answer.HasField("list_services_response"):
        raise NoReflection
    return frozenset(each.name for each in answer.list_services_response.service)
