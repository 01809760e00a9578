"""Compressed messages, both ways (gRPC's compression.md), and those that are made to do harm."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from tercet import rpc
from tests.conformance.wire.conftest import LARGEST, Handlers, Served, reference_deviates, request
from tests.conformance.wire.connection import Answer, Connection, connect
from tests.conformance.wire.frames import message

RESOURCE_EXHAUSTED, INTERNAL = 8, 13
PACKERS: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.compress, b"deflate": zlib.compress}
GZIPPED = gzip.compress(b"hello" * 9)
DAMAGED = {
    "corrupt": b"hi",
    "truncated": GZIPPED[:-9],
    "without its length": GZIPPED[:-4],
    "a wrong checksum": GZIPPED[:-8] + bytes(8),
    "garbage behind it": GZIPPED + b"xx",
    "two members": GZIPPED + GZIPPED,
    "zlib's format": zlib.compress(b"hello"),
}


async def call(
    wire: Connection, body: bytes, method: str = "Echo", **changed: bytes | None
) -> Answer:
    wire.headers(1, request(method, **changed))
    wire.data(1, body, end=True)
    return await wire.answer(1)


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("payload", [b"", b"hi", bytes(LARGEST)], ids=["empty", "hi", "largest"])
async def test_a_compressed_request(wire: Connection, encoding: bytes, payload: bytes) -> None:
    body = message(PACKERS[encoding](payload), compressed=True)
    answer = await call(wire, body, grpc_encoding=encoding)
    assert answer.messages == [payload]
    assert answer.headers["grpc-accept-encoding"] == "identity, deflate, gzip"
    assert "grpc-encoding" not in answer.headers


@pytest.mark.parametrize("encoding", PACKERS)
async def test_only_some_messages_are_compressed(wire: Connection, encoding: bytes) -> None:
    packed = [message(PACKERS[encoding](bytes(size)), compressed=True) for size in (1, 2, 3)]
    body = packed[0] + message(b"four") + message(b"", compressed=True) + packed[1] + packed[2]
    answer = await call(wire, body + message(b"plain"), "Collect", grpc_encoding=encoding)
    assert answer.messages == [b"[1, 4, 0, 2, 3, 5]"]


@pytest.mark.parametrize("method", ["Echo", "Collect"])
@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
async def test_damage(wire: Connection, served: Served, method: str, data: bytes) -> None:
    answer = await call(wire, message(data, compressed=True), method, grpc_encoding=b"gzip")
    assert answer.status == INTERNAL
    assert answer.headers["grpc-message"].startswith("Decompression failed due to ")
    assert served.notes == []


@pytest.mark.parametrize("method", ["Echo", "Collect"])
@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("size", [LARGEST + 1, 100_000, 1 << 20])
async def test_a_bomb(
    wire: Connection, served: Served, method: str, encoding: bytes, size: int
) -> None:
    body = message(PACKERS[encoding](bytes(size)), compressed=True)
    answer = await call(wire, body, method, grpc_encoding=encoding)
    assert answer.status == RESOURCE_EXHAUSTED
    # The C-core words what it finds while it unpacks in another way.
    assert "message larger than max" in answer.headers["grpc-message"]
    assert served.notes == []


async def answered(engine: str, accepted: bytes | None, size: int, chosen: Any) -> Answer:
    server = rpc.server(engine=engine, compression=chosen)
    server.add_generic_rpc_handlers((Handlers(Served(server)),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with connect(port) as wire:
            return await call(wire, message(bytes(size)), grpc_accept_encoding=accepted)
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    ("chosen", "name", "bits"),
    [(grpc.Compression.Gzip, "gzip", 31), (grpc.Compression.Deflate, "deflate", 15)],
)
async def test_a_compressed_answer(engine: str, chosen: Any, name: str, bits: int) -> None:
    answer = await answered(engine, b"identity,deflate, gzip", 500, chosen)
    assert answer.headers["grpc-encoding"] == name
    assert answer.data[0] == 1
    assert zlib.decompress(answer.data[5:], bits) == bytes(500)


async def test_what_would_grow_is_not_compressed(engine: str) -> None:
    answer = await answered(engine, b"gzip", 2, grpc.Compression.Gzip)
    assert answer.headers["grpc-encoding"] == "gzip"
    assert answer.messages == [bytes(2)]


@pytest.mark.parametrize("accepted", [None, b"identity", b"deflate", b"x-gzip"])
async def test_what_the_client_does_not_accept(engine: str, accepted: bytes | None) -> None:
    """ "the server ... SHOULD NOT" use what the client cannot read."""
    reference_deviates(engine, "compresses all the same")
    answer = await answered(engine, accepted, 500, grpc.Compression.Gzip)
    assert "grpc-encoding" not in answer.headers
    assert answer.messages == [bytes(500)]
