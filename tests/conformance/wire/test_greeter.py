"""The answers of a user's own servicer are the reference's, octet for octet, field for field.

Of HTTP/2 two things are not compared, since they mean nothing: how HPACK writes a field, and where
a DATA frame ends.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
from google.protobuf.message import Message

from examples import greeter
from examples.greeter.v1.greeter_pb2 import SayHelloRequest, SayHellosRequest
from tercet import rpc
from tests.conformance.conftest import REFERENCE
from tests.conformance.wire import frames
from tests.conformance.wire.connection import Pairs, connect
from tests.conformance.wire.frames import message

# What the C-core adds, and why its lack is right.
ONLY_THE_REFERENCE = {
    # Tells how the client may compress; the other engine says so to who has named gzip or deflate.
    ("grpc-accept-encoding", "identity, deflate, gzip"),
    # The field is optional, and empty it says what its lack says ("Responses", Status-Message).
    ("grpc-message", ""),
}


class Seen(NamedTuple):
    """The fields of each block in their order, and the octets of all DATA."""

    blocks: list[Pairs]
    data: bytes
    ended: bool
    reset: int | None


async def call(engine: str, method: str, body: bytes, metadata: frames.Fields) -> Seen:
    server = rpc.server(engine=engine)
    greeter.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with connect(port) as wire:
            fields = [
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":path", f"/examples.greeter.v1.Greeter/{method}".encode()),
                (b":authority", b"localhost"),
                (b"te", b"trailers"),
                (b"content-type", b"application/grpc"),
                *metadata,
            ]
            wire.headers(1, fields)
            wire.grant(1, 2**24)
            wire.grant(0, 2**24)
            wire.data(1, body, end=True)
            answer = await wire.answer(1)
            return Seen(answer.blocks, answer.data, answer.ended, answer.reset)
    finally:
        await server.stop(0)


@pytest.mark.parametrize(
    ("method", "asked", "metadata"),
    [
        ("SayHello", SayHelloRequest(name="world"), []),
        ("SayHello", SayHelloRequest(name="wörld ☺ \n"), [(b"x", b"1"), (b"y-bin", b"/w")]),
        ("SayHello", SayHelloRequest(name="x" * 60_000), []),
        ("SayHello", SayHelloRequest(name="again"), [(b"grpc-previous-rpc-attempts", b"2")]),
        ("SayHello", SayHelloRequest(), []),
        ("SayHellos", SayHellosRequest(name="world", count=1), [(b"grpc-timeout", b"1H")]),
        ("SayHellos", SayHellosRequest(name="world", count=3), []),
        ("SayHellos", SayHellosRequest(name="world", count=1000), []),
        ("SayHellos", SayHellosRequest(name="x" * 20_000, count=5), []),
        ("SayHellos", SayHellosRequest(name="world"), []),
        ("SayGoodbye", SayHelloRequest(name="world"), []),
    ],
    ids=[
        *("one", "unicode", "large", "retried", "invalid"),
        *("stream of one", "stream", "long stream", "large stream", "invalid stream"),
        "unknown method",
    ],
)
async def test_the_greeter(
    engine: str, method: str, asked: Message, metadata: frames.Fields
) -> None:
    # Both in this process: the answer tells its number.
    body = message(asked.SerializeToString())
    seen = await call(engine, method, body, metadata)
    reference = await call(REFERENCE, method, body, metadata)
    if engine != REFERENCE:
        reference = reference._replace(
            blocks=[
                [field for field in block if field not in ONLY_THE_REFERENCE]
                for block in reference.blocks
            ]
        )
    assert seen == reference


async def test_the_reference_adds_no_more_than_is_said(engine: str) -> None:
    """Each of the fields above is really there: what is left out is no more than what is told."""
    body = message(SayHelloRequest(name="world").SerializeToString())
    seen = await call(engine, "SayHello", body, [])
    fields = {field for block in seen.blocks for field in block}
    assert fields & ONLY_THE_REFERENCE == (ONLY_THE_REFERENCE if engine == REFERENCE else set())
