"""The clients by hand see each call that is lost, and why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.connections import ACK, PREFACE, SETTINGS
from benchmarks.framing import framed
from benchmarks.ports import HOST, free_port
from benchmarks.wire.connection import Connection, Lost, dial
from benchmarks.wire.http1 import Http1
from benchmarks.wire.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    Http2,
    frame,
)
from examples.greeter.v1 import greeter_pb2
from tests.support import eventually
from tests.unit.benchmarks.loopback import Peer, served

MESSAGE = framed(greeter_pb2.SayHelloResponse(pid=42).SerializeToString())


def answer_on(stream: int) -> bytes:
    trailers = frame(HEADERS, END_HEADERS | END_STREAM, stream)
    return frame(HEADERS, END_HEADERS, stream) + frame(DATA, 0, stream, MESSAGE) + trailers


ANSWER = answer_on(1)


@asynccontextmanager
async def connected(kind: type[Connection], peer: Peer) -> AsyncIterator[Connection]:
    async with served(peer) as address:
        connection = await dial(kind, address)
        try:
            yield connection
        finally:
            connection.close()


def answering(kind: type[Connection], *answers: bytes, end: bool = False) -> Peer:
    """Gives these answers, one for each request, which is as long as the first one."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n" if kind is Http1 else b"you")
            # In pieces, as a network may bring it.
            for piece in (answer[:7], answer[7:]):
                writer.write(piece)
                await writer.drain()
        if not end:
            await reader.read()

    return peer


def http1(status: str, body: str, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


async def test_http1_tells_who_has_answered_and_goes_on() -> None:
    peer = answering(Http1, http1("200 OK", "7"), http1("200 OK", "11"))
    async with connected(Http1, peer) as connection:
        assert [await connection.call(), await connection.call()] == [7, 11]
        assert connection.usable


async def test_http1_is_not_used_again_when_the_server_says_close() -> None:
    peer = answering(Http1, http1("200 OK", "7", "Connection: close\r\n"))
    async with connected(Http1, peer) as connection:
        assert await connection.call() == 7
        assert not connection.usable


async def test_another_status_than_200_is_a_lost_call() -> None:
    peer = answering(Http1, http1("503 Service Unavailable", "later"))
    async with connected(Http1, peer) as connection:
        with pytest.raises(Lost, match="HTTP 503"):
            await connection.call()


async def test_grpc_is_spoken_as_bytes() -> None:
    settings = frame(SETTINGS, 0, 0)
    peer = answering(Http2, settings + ANSWER, answer_on(3))
    async with connected(Http2, peer) as connection:
        assert [await connection.call(), await connection.call()] == [42, 42]
        assert connection.usable


async def test_settings_and_pings_are_acknowledged() -> None:
    heard = bytearray()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"you"))
        writer.write(frame(SETTINGS, 0, 0) + frame(PING, 0, 0, b"8 octets") + ANSWER)
        heard.extend(await reader.read())

    async with connected(Http2, peer) as connection:
        await connection.call()
        connection.close()
        wanted = frame(SETTINGS, ACK, 0) + frame(PING, ACK, 0, b"8 octets")
        await eventually(lambda: heard.endswith(wanted))
    assert heard.startswith(PREFACE)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (frame(HEADERS, END_HEADERS | END_STREAM, 1), "failed status"),
        (frame(RST_STREAM, 0, 1, bytes(4)), "stream reset"),
        (frame(GOAWAY, 0, 0, bytes(8)), "refused by GOAWAY"),
    ],
)
async def test_what_is_not_answered_is_lost(answer: bytes, why: str) -> None:
    async with connected(Http2, answering(Http2, answer)) as connection:
        with pytest.raises(Lost, match=why):
            await connection.call()


async def test_a_call_that_goaway_spares_is_answered_and_is_the_last() -> None:
    goaway = frame(GOAWAY, 0, 0, (1).to_bytes(4, "big") + bytes(4))
    async with connected(Http2, answering(Http2, goaway + ANSWER)) as connection:
        assert await connection.call() == 42
        assert not connection.usable


@pytest.mark.parametrize("kind", [Http1, Http2])
async def test_a_connection_that_ends_loses_its_call(kind: type[Connection]) -> None:
    async with connected(kind, answering(kind, b"", end=True)) as connection:
        with pytest.raises(Lost, match="connection closed"):
            await connection.call()
        assert not connection.usable


async def test_nobody_there_is_a_lost_call() -> None:
    with pytest.raises(Lost, match="connection refused"):
        await dial(Http1, f"{HOST}:{free_port()}")
