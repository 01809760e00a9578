"""Requests that are wrong, each answered as gRPC's protocol says (PROTOCOL-HTTP2.md).

Where the protocol says SHOULD and the C-core does otherwise, its test is an expected failure.
"""

from __future__ import annotations

import pytest

from tests.conformance.wire import frames
from tests.conformance.wire.conftest import LARGEST, Served, reference_deviates, request
from tests.conformance.wire.connection import Answer, Connection
from tests.conformance.wire.frames import Fields, message

INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 3, 8, 12, 13


async def call(wire: Connection, body: bytes = message(b"hi"), **changed: bytes | None) -> Answer:
    wire.headers(1, request("Echo", **changed))
    wire.data(1, body, end=True)
    return await wire.answer(1)


async def test_a_good_call(wire: Connection) -> None:
    answer = await call(wire)
    assert [frame.type for frame in answer.frames] == [frames.HEADERS, frames.DATA, frames.HEADERS]
    assert answer.headers[":status"] == "200"
    assert answer.headers["content-type"].startswith("application/grpc")
    assert answer.messages == [b"hi"]
    assert (answer.status, answer.ended) == (0, True)


@pytest.mark.parametrize("kind", [b"application/grpc+proto", b"application/grpc;charset=utf-8"])
async def test_content_types_of_grpc(wire: Connection, kind: bytes) -> None:
    assert (await call(wire, content_type=kind)).messages == [b"hi"]


@pytest.mark.parametrize("kind", [None, b"text/html", b"application/json", b""])
async def test_other_content_types(wire: Connection, engine: str, kind: bytes | None) -> None:
    """ "gRPC servers SHOULD respond with HTTP status of 415"."""
    reference_deviates(engine, "takes any content type for gRPC's")
    answer = await call(wire, content_type=kind)
    assert answer.headers[":status"] == "415"
    assert answer.ended


@pytest.mark.parametrize("te", [None, b"gzip"])
async def test_te_must_be_trailers(wire: Connection, te: bytes | None) -> None:
    assert (await call(wire, te=te)).refused


@pytest.mark.parametrize("method", [None, b"GET", b"PUT"])
async def test_the_http_method_must_be_post(wire: Connection, method: bytes | None) -> None:
    assert (await call(wire, method=method)).refused


@pytest.mark.parametrize(
    "path", [b"/", b"/a", b"/a/b/c", b"/conformance.Wire/Echo?x", "/☺/b".encode()]
)
async def test_paths_that_nobody_serves(wire: Connection, path: bytes) -> None:
    answer = await call(wire, path=path)
    assert answer.status == UNIMPLEMENTED
    assert answer.headers[":status"] == "200"


@pytest.mark.parametrize("path", [None, b"", b"no-slash", b"*"])
async def test_paths_that_are_none(wire: Connection, path: bytes | None) -> None:
    assert (await call(wire, path=path)).refused


@pytest.mark.parametrize("encoding", [None, b"identity"])
async def test_a_compressed_message_without_encoding(
    wire: Connection, encoding: bytes | None
) -> None:
    answer = await call(wire, message(b"hi", compressed=True), grpc_encoding=encoding)
    assert answer.status == INTERNAL


async def test_a_message_in_an_unknown_encoding(wire: Connection, engine: str) -> None:
    """UNIMPLEMENTED, "along with a grpc-accept-encoding" (compression.md)."""
    reference_deviates(engine, "says INTERNAL, and names no encoding")
    answer = await call(wire, message(b"hi", compressed=True), grpc_encoding=b"brotli")
    assert answer.status == UNIMPLEMENTED
    assert "identity" in answer.headers["grpc-accept-encoding"]


async def test_a_damaged_compressed_message(wire: Connection) -> None:
    assert (await call(wire, message(b"hi", compressed=True), grpc_encoding=b"gzip")).refused


async def test_a_message_that_is_too_large(wire: Connection) -> None:
    assert (await call(wire, message(bytes(LARGEST + 1)))).status == RESOURCE_EXHAUSTED


async def test_a_message_that_claims_to_be_too_large(wire: Connection) -> None:
    """Refused by its prefix alone: nothing else of it ever comes."""
    wire.headers(1, request("Echo"))
    wire.data(1, message(b"", length=2**32 - 1))
    assert (await wire.answer(1)).status == RESOURCE_EXHAUSTED


@pytest.mark.parametrize("body", [message(b"hi", length=3), b"\0\0\0", b"\0"], ids=repr)
async def test_a_truncated_message(wire: Connection, engine: str, body: bytes) -> None:
    reference_deviates(engine, "waits for the rest until the connection ends")
    assert (await call(wire, body)).refused


async def test_no_message_where_one_is_due(wire: Connection, engine: str) -> None:
    reference_deviates(engine, "says nothing, as grpc.aio does not answer")
    wire.headers(1, request("Echo"), end=True)
    assert (await wire.answer(1)).refused


async def test_a_truncated_message_after_a_good_one(wire: Connection, engine: str) -> None:
    reference_deviates(engine, "takes it for the end of the stream")
    wire.headers(1, request("Collect"))
    wire.data(1, message(b"hi") + message(b"hi", length=3), end=True)
    assert (await wire.answer(1)).refused


async def test_metadata_that_is_no_base64(wire: Connection) -> None:
    assert (await call(wire, x_bin=b"!!!")).refused


async def test_what_is_refused_never_reaches_a_handler(wire: Connection, served: Served) -> None:
    """And the connection serves the next call."""
    wire.headers(1, request("Echo", te=b"gzip"))
    wire.data(1, message(b"hi"), end=True)
    assert (await wire.answer(1)).refused
    wire.headers(3, request("Echo"))
    wire.data(3, message(b"hi"), end=True)
    assert (await wire.answer(3)).messages == [b"hi"]
    assert served.notes == ["called"]


@pytest.mark.parametrize(
    "fields",
    [
        [(b":method", b"CONNECT"), (b":authority", b"x")],
        # More than the limit of metadata, before the path.
        [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":authority", b"x" * 16_250),
            (b":path", b"/conformance.Wire/Echo"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
        ],
    ],
    ids=["no path", "a path behind too much"],
)
async def test_what_has_no_method_ends_alone(wire: Connection, fields: Fields, engine: str) -> None:
    if len(fields) > 2:
        reference_deviates(engine, "does not answer it")
    wire.headers(1, fields, end=True)
    assert (await wire.answer(1)).refused
    wire.headers(3, request("Echo"))
    wire.data(3, message(b"x"), end=True)
    assert (await wire.answer(3)).messages == [b"x"]
