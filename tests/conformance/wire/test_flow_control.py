"""Windows in both directions (RFC 9113 section 5.2)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc

from tercet import rpc
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import Served, request
from tests.conformance.wire.connection import Answer, connect
from tests.conformance.wire.frames import Frame, message
from tests.support import eventually

# A ping is a round trip here: there are many.
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.http2.max_ping_strikes", 0)]


def window(octets: int) -> bytes:
    return struct.pack("!HI", frames.SETTINGS_INITIAL_WINDOW_SIZE, octets)


async def test_a_stream_gets_no_more_than_its_window(served: Served) -> None:
    async with connect(served.port, window(10)) as wire:
        wire.headers(1, request("Repeat"))
        wire.data(1, message(b"100"), end=True)
        await wire.until(lambda: len(wire.answers.get(1, Answer()).data) >= 10)
        await wire.ping()
        assert len(wire.answers[1].data) == 10
        wire.grant(1, 1)
        await wire.until(lambda: len(wire.answers[1].data) == 11)
        wire.grant(1, 1000)
        assert [len(each) for each in (await wire.answer(1)).messages] == [100]


async def test_trailers_need_no_window(served: Served) -> None:
    async with connect(served.port, window(0)) as wire:
        wire.headers(1, request("Fail"))
        wire.data(1, message(b"no"), end=True)
        assert (await wire.answer(1)).status == 10


async def test_all_streams_share_the_connections_window(served: Served) -> None:
    async with connect(served.port, window(2**20)) as wire:
        for stream in 1, 3:
            wire.headers(stream, request("Repeat"))
            wire.data(stream, message(b"50000"), end=True)

        def received() -> int:
            return sum(len(answer.data) for answer in wire.answers.values())

        await wire.until(lambda: received() >= 65535)
        await wire.ping()
        assert received() == 65535
        wire.grant(0, 2**20)
        for stream in 1, 3:
            assert [len(each) for each in (await wire.answer(stream)).messages] == [50000]


async def test_settings_move_the_windows_of_open_streams(served: Served) -> None:
    async with connect(served.port, window(10)) as wire:
        wire.headers(1, request("Repeat"))
        wire.data(1, message(b"100"), end=True)
        await wire.until(lambda: len(wire.answers.get(1, Answer()).data) == 10)
        # Now 5 octets below zero: a grant of 5 yields nothing, the next one its octets.
        wire.send(Frame(frames.SETTINGS, 0, 0, window(5)))
        wire.grant(1, 5)
        await wire.ping()
        assert len(wire.answers[1].data) == 10
        wire.grant(1, 7)
        await wire.until(lambda: len(wire.answers[1].data) == 17)
        wire.send(Frame(frames.SETTINGS, 0, 0, window(65535)))
        assert [len(each) for each in (await wire.answer(1)).messages] == [100]


async def test_no_frame_is_larger_than_the_peer_takes(served: Served) -> None:
    async with connect(served.port, window(2**20)) as wire:
        wire.grant(0, 2**20)
        wire.headers(1, request("Repeat"))
        wire.data(1, message(b"300000"), end=True)
        answer = await wire.answer(1)
        assert [len(each) for each in answer.messages] == [300000]
        assert max(len(frame.payload) for frame in answer.frames) <= 16384


async def test_a_stalled_client_suspends_the_writer(served: Served) -> None:
    """The handler is not let write far ahead of what the client takes."""
    async with connect(served.port) as wire:
        wire.headers(1, request("Pour"))
        wire.data(1, message(b""), end=True)
        await wire.until(lambda: len(wire.answers.get(1, Answer()).data) == 65535)
        # Calls of another client give the handler time to run on, if it is let.
        async with connect(served.port) as other:
            for stream in range(1, 101, 2):
                other.headers(stream, request("Repeat"))
                other.data(stream, message(b"1"), end=True)
                await other.answer(stream)
        # 4 messages fill the window; what an engine holds ready beside is 1 MiB at most.
        assert served.notes.count("written") < 64
        wire.grant(0, 65536)
        wire.grant(1, 65536)
        await wire.until(lambda: len(wire.answers[1].data) == 2 * 65535 + 1)


async def test_the_server_gives_credit_for_what_its_handler_reads(served: Served) -> None:
    """An upload of many windows goes through."""
    async with connect(served.port) as wire:
        await wire.ping()
        wire.headers(1, request("Collect"))
        for _ in range(1000):
            await wire.until(lambda: wire.credit(1) >= 1005)
            wire.data(1, message(bytes(1000)))
        wire.data(1, b"", end=True)
        assert (await wire.answer(1)).messages == [repr([1000] * 1000).encode()]


async def test_the_server_stops_giving_credit_for_what_its_handler_does_not_read(
    served: Served,
) -> None:
    limit = 16 * 2**20
    async with connect(served.port) as wire:
        wire.headers(1, request("Unread"))
        await eventually(lambda: "started" in served.notes)
        await wire.ping()
        sent = 0
        while wire.credit(1) >= 1005 and sent < limit:
            while wire.credit(1) >= 1005:
                wire.data(1, message(bytes(1000)))
                sent += 1005
            await wire.ping()
        assert sent < limit
        served.go_on.set()
        assert (await wire.answer(1)).status == 0


async def test_an_unread_stream_holds_up_no_other(served: Served) -> None:
    """Its octets wait in a window of its own, not in that of the connection."""
    async with connect(served.port) as wire:
        wire.headers(1, request("Unread"))
        await eventually(lambda: "started" in served.notes)
        for _ in range(60):
            wire.data(1, message(bytes(1000)))
        await wire.ping()
        wire.headers(3, request("Collect"))
        for _ in range(100):
            await wire.until(lambda: wire.credit(3) >= 1005)
            wire.data(3, message(bytes(1000)))
        wire.data(3, b"", end=True)
        assert (await wire.answer(3)).status == 0


async def test_a_handler_that_waits_for_the_rest_of_a_message_gives_credit_for_it(
    engine: str,
) -> None:
    """Its first part filled the window while the message before it was not read."""
    first, second = 70_000, 2 << 20
    go_on = asyncio.Event()

    async def sizes(requests: AsyncIterator[bytes], context: Any) -> bytes:
        found = [len(await anext(requests))]
        await go_on.wait()
        return repr([*found, *[len(request) async for request in requests]]).encode()

    server = rpc.server(engine=engine, options=OPTIONS)
    methods = {"Sizes": grpc.stream_unary_rpc_method_handler(sizes)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with asyncio.timeout(30), connect(port) as wire:
            await wire.ping()
            wire.headers(1, request("Sizes", path=b"/a.B/Sizes"))
            sent = message(bytes(first)) + message(bytes(second))
            at = 0
            while at < len(sent):
                # Until the window is full; then the handler reads on, and waits for the rest.
                while (size := min(wire.credit(1), len(sent) - at)) > 0:
                    wire.data(1, sent[at : at + size])
                    at += size
                    await wire.ping()
                go_on.set()
                if at < len(sent):
                    await wire.until(lambda: wire.credit(1) > 0)
            wire.data(1, b"", end=True)
            assert (await wire.answer(1)).messages == [repr([first, second]).encode()]
    finally:
        await server.stop(0)
