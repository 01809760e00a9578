"""A servicer whose answers can be told from all others: for the workers of a mesh."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import grpc
import grpc.aio

SERVICE = "soak.Mixed"
_HEAD = struct.Struct("!HHI16s")


class Order(NamedTuple):
    """What a call is to do; its request begins with it.

    Attributes:
        pause: Milliseconds before an answer, and between messages.
        messages: How many.
        size: Bytes of each.
        seed: Of their bytes: no two calls have the same.
    """

    pause: int
    messages: int
    size: int
    seed: bytes

    def encode(self) -> bytes:
        return _HEAD.pack(*self)

    def piece(self, number: int) -> bytes:
        """The bytes of one message."""
        return hashlib.shake_128(self.seed + number.to_bytes(4)).digest(self.size)

    def pieces(self) -> list[bytes]:
        return [self.piece(number) for number in range(self.messages)]

    async def rest(self) -> None:
        await asyncio.sleep(self.pause / 1000)


def order(request: bytes) -> Order:
    return Order(*_HEAD.unpack_from(request))


async def echo(request: bytes, context: Any) -> bytes:
    await order(request).rest()
    return request


async def pour(request: bytes, context: Any) -> AsyncIterator[bytes]:
    """The messages of the order."""
    wanted = order(request)
    for number in range(wanted.messages):
        await wanted.rest()
        yield wanted.piece(number)


async def digest(requests: AsyncIterator[bytes], context: Any) -> bytes:
    """Of all messages, the order and what follows it."""
    found = hashlib.sha256()
    wanted = None
    async for request in requests:
        wanted = wanted or order(request)
        found.update(request)
    if wanted is not None:
        await wanted.rest()
    return found.digest()


async def chat(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    """Each message as it comes."""
    wanted = None
    async for request in requests:
        wanted = wanted or order(request)
        await wanted.rest()
        yield request


def register(server: grpc.aio.Server) -> None:
    methods: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Pour": grpc.unary_stream_rpc_method_handler(pour),
        "Digest": grpc.stream_unary_rpc_method_handler(digest),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
