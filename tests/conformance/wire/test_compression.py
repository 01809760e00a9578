"""Compressed messages, both ways (gRPC's compression.md), and those that are made to do harm."""

from __future__ import annotations

import asyncio
import gzip
import os
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tercet import rpc
from tests.conformance.conftest import REFERENCE
from tests.conformance.wire.conftest import (
    LARGEST,
    SERVICE,
    Served,
    reference_deviates,
    request,
)
from tests.conformance.wire.connection import Answer, Connection, connect
from tests.conformance.wire.frames import message

RESOURCE_EXHAUSTED, INTERNAL = 8, 13
NONE, DEFLATE, GZIP = grpc.Compression
PACKERS: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.compress, b"deflate": zlib.compress}
NAMES = {NONE: None, DEFLATE: "deflate", GZIP: "gzip"}
WINDOW_BITS = {"gzip": 31, "deflate": 15}
GZIPPED = gzip.compress(b"hello" * 9)
ALL = b"identity,deflate, gzip"
# A header may hold a name of any length (RFC 1952, FNAME), and so more than what it is of.
NAMED = GZIPPED[:3] + b"\x08" + GZIPPED[4:10] + bytes(b"n" * LARGEST) + b"\0" + GZIPPED[10:]
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
    for start in range(0, len(body), 16_384):
        wire.data(1, body[start : start + 16_384], end=start + 16_384 >= len(body))
    return await wire.answer(1)


# -- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("payload", [b"", b"hi", bytes(LARGEST)], ids=["empty", "hi", "largest"])
async def test_a_compressed_request(wire: Connection, encoding: bytes, payload: bytes) -> None:
    body = message(PACKERS[encoding](payload), compressed=True)
    answer = await call(wire, body, grpc_encoding=encoding)
    assert answer.messages == [payload]
    accepted = answer.headers["grpc-accept-encoding"].split(",")
    assert [each.strip() for each in accepted] == ["identity", "deflate", "gzip"]
    assert "grpc-encoding" not in answer.headers


@pytest.mark.parametrize("encoding", PACKERS)
async def test_only_some_messages_are_compressed(wire: Connection, encoding: bytes) -> None:
    packed = [message(PACKERS[encoding](bytes(size)), compressed=True) for size in (1, 2, 3)]
    body = packed[0] + message(b"four") + message(b"", compressed=True) + packed[1] + packed[2]
    answer = await call(wire, body + message(b"plain"), "Collect", grpc_encoding=encoding)
    assert answer.messages == [b"[1, 4, 0, 2, 3, 5]"]


@pytest.mark.parametrize("encoding", [None, b"identity"])
@pytest.mark.parametrize("method", ["Echo", "Collect"])
async def test_a_flag_without_an_encoding(
    wire: Connection, served: Served, method: str, encoding: bytes | None
) -> None:
    answer = await call(wire, message(b"hi", compressed=True), method, grpc_encoding=encoding)
    assert answer.status == INTERNAL
    assert answer.headers["grpc-message"] == "Compression bit set but no encoding configured"
    assert served.notes == []


@pytest.mark.parametrize("method", ["Echo", "Collect"])
@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
async def test_damage(wire: Connection, served: Served, method: str, data: bytes) -> None:
    answer = await call(wire, message(data, compressed=True), method, grpc_encoding=b"gzip")
    assert answer.status == INTERNAL
    assert answer.headers["grpc-message"].startswith("Decompression failed due to ")
    assert served.notes == []


@pytest.mark.parametrize("method", ["Echo", "Collect"])
@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("size", [LARGEST + 1, 2 * LARGEST, 100_000])
async def test_a_bomb(
    wire: Connection, served: Served, method: str, encoding: bytes, size: int
) -> None:
    packed = PACKERS[encoding](bytes(size))
    assert len(packed) < LARGEST
    answer = await call(wire, message(packed, compressed=True), method, grpc_encoding=encoding)
    assert answer.status == RESOURCE_EXHAUSTED
    # The C-core words what is less than twice too large in another way.
    assert "message larger than max" in answer.headers["grpc-message"]
    assert served.notes == []


async def test_a_bomb_behind_good_messages(wire: Connection) -> None:
    good = message(gzip.compress(b"10"), compressed=True)
    bomb = message(gzip.compress(bytes(100_000)), compressed=True)
    body = good + message(b"20") + bomb + good
    answer = await call(wire, body, "Repeat", grpc_encoding=b"gzip")
    assert answer.messages == [bytes(10), bytes(20)]
    assert answer.status == RESOURCE_EXHAUSTED


async def test_the_limit_is_of_what_comes_too(wire: Connection, served: Served) -> None:
    """Before it is unpacked: what is compressed may be the larger one."""
    assert gzip.decompress(NAMED) == b"hello" * 9
    answer = await call(wire, message(NAMED, compressed=True), grpc_encoding=b"gzip")
    assert answer.status == RESOURCE_EXHAUSTED
    size = f"({len(NAMED)} vs. {LARGEST})"
    assert answer.headers["grpc-message"] == f"SERVER: Received message larger than max {size}"
    assert served.notes == []


# -- answers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spoken:
    """What a client was told, and with which flags."""

    encoding: str | None
    messages: list[tuple[int, bytes]]
    status: int | None

    @property
    def flags(self) -> list[int]:
        return [flag for flag, _ in self.messages]


def spoken(answer: Answer) -> Spoken:
    encoding = answer.headers.get("grpc-encoding")
    found, data = [], answer.data
    while data:
        flag, size = struct.unpack_from("!BI", data)
        payload = data[5 : 5 + size]
        if flag:
            assert encoding is not None
            payload = zlib.decompress(payload, WINDOW_BITS[encoding])
        found.append((flag, payload))
        data = data[5 + size :]
    return Spoken(encoding, found, answer.status)


@asynccontextmanager
async def serving(engine: str, handler: Any, kind: str, **given: Any) -> AsyncIterator[int]:
    server = rpc.server(engine=engine, **given)
    made = getattr(grpc, f"{kind}_rpc_method_handler")(handler)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"M": made}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def answered(
    engine: str,
    handler: Any,
    kind: str = "unary_unary",
    *,
    accepted: bytes | None = ALL,
    body: bytes = message(b""),
    encoding: bytes | None = None,
    **given: Any,
) -> Spoken:
    async with serving(engine, handler, kind, **given) as port, connect(port) as wire:
        wire.grant(0, 1 << 30)
        wire.headers(1, request("M", grpc_accept_encoding=accepted, grpc_encoding=encoding))
        wire.grant(1, 1 << 30)
        for start in range(0, len(body), 16_384):
            await wire.until(lambda: wire.credit(1) >= 16_384)
            wire.data(1, body[start : start + 16_384], end=start + 16_384 >= len(body))
        return spoken(await wire.answer(1))


class Answers:
    """Handlers of each style that answer with the same messages.

    Args:
        before: Is called with the context before each message, and its number.
    """

    def __init__(self, *sizes: int, before: Callable[[Any, int], object] = lambda *_: None) -> None:
        self._sizes = sizes
        self._before = before

    def _made(self, context: Any) -> Iterator[bytes]:
        for number, size in enumerate(self._sizes):
            self._before(context, number)
            yield bytes(size)

    async def coroutine(self, request: Any, context: Any) -> bytes:
        return next(self._made(context))

    async def generator(self, request: Any, context: Any) -> AsyncIterator[bytes]:
        for each in self._made(context):
            yield each

    async def writer(self, request: Any, context: Any) -> None:
        for each in self._made(context):
            await context.write(each)

    def function(self, request: Any, context: Any) -> bytes:
        return next(self._made(context))

    def plain_generator(self, request: Any, context: Any) -> Iterator[bytes]:
        yield from self._made(context)


UNARY = ("coroutine", "function")
STREAMS = ("generator", "writer", "plain_generator")


def kind_of(style: str) -> str:
    return "unary_unary" if style in UNARY else "unary_stream"


@pytest.mark.parametrize("style", UNARY + STREAMS)
@pytest.mark.parametrize(("chosen", "name"), [(GZIP, "gzip"), (DEFLATE, "deflate")])
async def test_a_server_that_compresses(engine: str, style: str, chosen: Any, name: str) -> None:
    handler = getattr(Answers(500), style)
    seen = await answered(engine, handler, kind_of(style), compression=chosen)
    assert seen == Spoken(name, [(1, bytes(500))], 0)


async def test_a_server_that_compresses_by_option(engine: str) -> None:
    options = [("grpc.default_compression_algorithm", GZIP.value)]
    seen = await answered(engine, Answers(500).coroutine, options=options)
    assert seen == Spoken("gzip", [(1, bytes(500))], 0)


@pytest.mark.parametrize("style", UNARY + STREAMS)
@pytest.mark.parametrize("servers", [None, NONE, GZIP])
@pytest.mark.parametrize("calls", [None, NONE, DEFLATE, GZIP])
async def test_a_call_has_the_last_word(engine: str, style: str, servers: Any, calls: Any) -> None:
    """Unless it says None."""
    chosen = (servers or NONE) if calls is None else calls
    name = NAMES[chosen]
    expected = Spoken(name, [(int(name is not None), bytes(500))], 0)
    if style in UNARY and chosen != (servers or NONE):
        reference_deviates(engine, "ignores it but for streams, and after send_initial_metadata()")
    handler = getattr(Answers(500, before=lambda context, _: context.set_compression(calls)), style)
    assert await answered(engine, handler, kind_of(style), compression=servers) == expected


async def test_a_call_has_the_last_word_with_initial_metadata(engine: str) -> None:
    async def handle(request: bytes, context: Any) -> bytes:
        context.set_compression(DEFLATE)
        await context.send_initial_metadata((("a", "1"),))
        with pytest.raises(RuntimeError, match="before sending initial metadata"):
            context.set_compression(GZIP)
        return bytes(500)

    seen = await answered(engine, handle, compression=GZIP)
    assert seen == Spoken("deflate", [(1, bytes(500))], 0)


@pytest.mark.parametrize("style", STREAMS)
async def test_one_message_as_it_is(engine: str, style: str) -> None:
    def before(context: Any, number: int) -> None:
        if number == 1:
            context.disable_next_message_compression()

    handler = getattr(Answers(500, 500, 500, before=before), style)
    seen = await answered(engine, handler, kind_of(style), compression=GZIP)
    assert seen == Spoken("gzip", [(flag, bytes(500)) for flag in (1, 0, 1)], 0)


@pytest.mark.parametrize("style", UNARY)
async def test_the_only_message_as_it_is(engine: str, style: str) -> None:
    def before(context: Any, number: int) -> None:
        context.disable_next_message_compression()

    handler = getattr(Answers(500, before=before), style)
    seen = await answered(engine, handler, compression=GZIP)
    assert seen == Spoken("gzip", [(0, bytes(500))], 0)


@pytest.mark.parametrize("size", [0, 1, 2])
async def test_what_would_grow_is_not_compressed(engine: str, size: int) -> None:
    seen = await answered(engine, Answers(size).coroutine, compression=GZIP)
    assert seen == Spoken("gzip", [(0, bytes(size))], 0)


@pytest.mark.parametrize("accepted", [None, b"identity", b"deflate", b"x-gzip"])
@pytest.mark.parametrize("style", ["coroutine", "generator"])
async def test_what_the_client_does_not_accept(
    engine: str, style: str, accepted: bytes | None
) -> None:
    """ "it SHALL send the message uncompressed" (compression.md)."""
    reference_deviates(engine, "compresses all the same")
    handler = getattr(Answers(500), style)
    seen = await answered(engine, handler, kind_of(style), accepted=accepted, compression=GZIP)
    assert seen == Spoken(None, [(0, bytes(500))], 0)


@pytest.mark.parametrize("style", ["coroutine", "writer"])
async def test_the_limit_of_answers_is_of_what_a_handler_gives(engine: str, style: str) -> None:
    """Compressed, it would be within the limit."""
    options = [("grpc.max_send_message_length", LARGEST)]
    handler = getattr(Answers(LARGEST + 1), style)
    seen = await answered(engine, handler, kind_of(style), compression=GZIP, options=options)
    assert seen.messages == []
    assert seen.status == RESOURCE_EXHAUSTED


async def test_an_abort_has_nothing_to_compress(engine: str) -> None:
    async def handle(request: bytes, context: Any) -> None:
        await context.abort(grpc.StatusCode.ABORTED, "no")

    seen = await answered(engine, handler=handle, compression=GZIP)
    assert seen == Spoken(None, [], grpc.StatusCode.ABORTED.value[0])


# -- what is large -----------------------------------------------------------------------------


@pytest.mark.parametrize("style", STREAMS)
async def test_large_and_small_answers_keep_their_order(engine: str, style: str) -> None:
    sizes = [3_000_000, 1, 200_000, 0, 16_384, 16_385, 100]
    seen = await answered(engine, getattr(Answers(*sizes), style), kind_of(style), compression=GZIP)
    assert [len(payload) for _, payload in seen.messages] == sizes
    assert seen.flags == [1, 0, 1, 0, 1, 1, 1]


async def test_writes_at_once_keep_their_order(engine: str) -> None:
    """A small message does not overtake the large one that is still being compressed."""
    reference_deviates(engine, "takes one write at a time")
    sizes = [3_000_000, 1, 200_000, 500]

    async def write(context: Any, size: int) -> None:
        if size == 200_000:
            context.disable_next_message_compression()
        await context.write(bytes(size))

    async def handle(request: bytes, context: Any) -> None:
        await asyncio.gather(*[write(context, size) for size in sizes])

    seen = await answered(engine, handle, "unary_stream", compression=GZIP)
    assert [len(payload) for _, payload in seen.messages] == sizes
    assert seen.flags == [1, 0, 0, 1]


@pytest.mark.parametrize("payload", [bytes(4 << 20), os.urandom(1 << 20)], ids=["long", "random"])
@pytest.mark.parametrize("encoding", PACKERS)
async def test_large_requests_keep_their_order(
    engine: str, encoding: bytes, payload: bytes
) -> None:
    async def handle(requests: AsyncIterator[bytes], context: Any) -> bytes:
        return repr([zlib.crc32(each) async for each in requests]).encode()

    sent = [payload, b"a", payload[:100_000], b""]
    body = b"".join(message(PACKERS[encoding](each), compressed=True) for each in sent)
    body += message(b"b")
    seen = await answered(engine, handle, "stream_unary", body=body, encoding=encoding)
    assert seen.messages == [(0, repr([zlib.crc32(each) for each in [*sent, b"b"]]).encode())]


async def test_a_plain_generator_reads_what_is_large(engine: str) -> None:
    """With the only thread of its pool, which waits meanwhile."""

    def handle(requests: Iterator[bytes], context: Any) -> bytes:
        return repr([len(each) for each in requests]).encode()

    body = message(gzip.compress(bytes(1 << 20)), compressed=True) * 3
    with ThreadPoolExecutor(1) as pool:
        seen = await answered(
            engine,
            handle,
            "stream_unary",
            body=body,
            encoding=b"gzip",
            migration_thread_pool=pool,
        )
    assert seen.messages == [(0, repr([1 << 20] * 3).encode())]


async def test_without_a_limit_a_message_is_unpacked_whole(engine: str) -> None:
    async def handle(request: bytes, context: Any) -> bytes:
        return repr(len(request)).encode()

    body = message(gzip.compress(bytes(20 << 20)), compressed=True)
    options = [("grpc.max_receive_message_length", -1)]
    seen = await answered(engine, handle, body=body, encoding=b"gzip", options=options)
    assert seen.messages == [(0, repr(20 << 20).encode())]


# -- made up -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A message, and whether it is to be sent as it is."""

    size: int
    random: bool
    as_it_is: bool


STEPS = st.builds(
    Step,
    st.one_of(st.integers(0, 40), st.sampled_from([500, 16_384, 16_385, 70_000])),
    st.booleans(),
    st.booleans(),
)
NOISE = os.urandom(70_000)


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    style=st.sampled_from(["writer", "generator"]),
    servers=st.sampled_from([None, *grpc.Compression]),
    calls=st.sampled_from(["unset", *grpc.Compression]),
    steps=st.lists(STEPS, max_size=5),
)
async def test_whatever_is_compressed_looks_alike(
    engine: str, style: str, servers: Any, calls: Any, steps: Sequence[Step]
) -> None:
    def begin(context: Any) -> None:
        if calls != "unset":
            context.set_compression(calls)

    def prepared(context: Any, step: Step) -> bytes:
        if step.as_it_is:
            context.disable_next_message_compression()
        return (NOISE if step.random else bytes(step.size))[: step.size]

    async def generator(request: Any, context: Any) -> AsyncIterator[bytes]:
        begin(context)
        for step in steps:
            yield prepared(context, step)

    async def writer(request: Any, context: Any) -> None:
        begin(context)
        for step in steps:
            await context.write(prepared(context, step))

    handler = writer if style == "writer" else generator
    seen, reference = await asyncio.gather(
        answered(engine, handler, "unary_stream", compression=servers),
        answered(REFERENCE, handler, "unary_stream", compression=servers),
    )
    assert seen == reference
