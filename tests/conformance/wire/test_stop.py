"""stop(): GOAWAY first, then the answers of what was received, then the end of the connection."""

from __future__ import annotations

import asyncio
import struct

from tests.conformance.wire import frames
from tests.conformance.wire.conftest import Served, reference_deviates, request
from tests.conformance.wire.connection import Connection, connect
from tests.conformance.wire.frames import Frame, message
from tests.support import eventually


def last_stream(goaway: Frame) -> int:
    return int(struct.unpack("!I", goaway.payload[:4])[0])


def error_code(goaway: Frame) -> int:
    return int(struct.unpack("!I", goaway.payload[4:8])[0])


async def waiting(wire: Connection, served: Served, stream: int) -> None:
    before = served.notes.count("started")
    wire.headers(stream, request("Wait"))
    wire.data(stream, message(b""), end=True)
    await eventually(lambda: served.notes.count("started") > before)


async def test_a_running_call_finishes(served: Served) -> None:
    async with connect(served.port) as wire:
        await waiting(wire, served, 1)
        stopping = asyncio.create_task(served.server.stop(30))
        await wire.until(lambda: bool(wire.goaways))
        assert 1 not in wire.answers, "the answer may not be there before the handler goes on"
        served.go_on.set()
        answer = await wire.answer(1)
        assert answer.messages == [b"waited"]
        assert answer.status == 0
        await wire.until_closed()
        await stopping
        assert [error_code(each) for each in wire.goaways] == [frames.NO_ERROR] * len(wire.goaways)
        assert last_stream(wire.goaways[-1]) >= 1
        assert served.notes == ["started"]


async def test_an_idle_connection_is_closed(served: Served) -> None:
    async with connect(served.port) as wire:
        await wire.ping()
        stopping = asyncio.create_task(served.server.stop(30))
        await wire.until_closed()
        assert error_code(wire.goaways[-1]) == frames.NO_ERROR
        await stopping


async def test_the_last_goaway_tells_what_will_be_answered(served: Served) -> None:
    """A call that was under way is answered, or its stream lies above the last id.

    Its client may then send it elsewhere (RFC 9113 section 6.8).
    """
    async with connect(served.port) as wire:
        await waiting(wire, served, 1)
        stopping = asyncio.create_task(served.server.stop(30))
        await wire.until(lambda: bool(wire.goaways))
        wire.headers(3, request("Echo"))
        wire.data(3, message(b"late"), end=True)
        served.go_on.set()
        assert (await wire.answer(1)).status == 0
        await wire.until_closed()
        await stopping
        if last_stream(wire.goaways[-1]) >= 3:
            assert wire.answers[3].closed
        else:
            assert 3 not in wire.answers or wire.answers[3].reset is not None


async def test_grace_ends_by_cancelling(served: Served) -> None:
    async with connect(served.port) as wire:
        await waiting(wire, served, 1)
        stopping = asyncio.create_task(served.server.stop(0.2))
        await wire.until_closed()
        await stopping
        await eventually(lambda: "cancelled" in served.notes)
        assert 1 not in wire.answers or wire.answers[1].refused


async def test_without_grace_calls_are_cancelled_at_once(served: Served) -> None:
    async with connect(served.port) as wire:
        await waiting(wire, served, 1)
        stopping = asyncio.create_task(served.server.stop(None))
        await wire.until_closed()
        await stopping
        await eventually(lambda: "cancelled" in served.notes)


async def test_nobody_is_accepted_any_more(served: Served) -> None:
    async with connect(served.port) as wire:
        await waiting(wire, served, 1)
        stopping = asyncio.create_task(served.server.stop(30))
        await wire.until(lambda: bool(wire.goaways))
        refused = False
        try:
            async with connect(served.port) as late:
                await late.until_closed()
                refused = True
        except ConnectionError:
            refused = True
        assert refused
        served.go_on.set()
        await wire.until_closed()
        await stopping


async def test_a_client_that_says_goodbye_is_not_reset(served: Served, engine: str) -> None:
    reference_deviates(engine, "closes at once, and what it has not read resets the connection")
    async with connect(served.port) as wire:
        wire.headers(1, request("Echo"))
        wire.data(1, message(b"x"), end=True)
        assert (await wire.answer(1)).status == 0
        wire.send(Frame(frames.GOAWAY, 0, 0, bytes(8)))
        # What comes after it is read, though nobody answers.
        for _ in range(20):
            wire.send(Frame(frames.PING, 0, 0, bytes(8)))
            await asyncio.sleep(0.002)
        await wire.until_closed()
        assert not wire.was_reset


async def test_stop_twice_waits_for_both(served: Served) -> None:
    async with connect(served.port) as wire:
        await waiting(wire, served, 1)
        first = asyncio.create_task(served.server.stop(30))
        await wire.until(lambda: bool(wire.goaways))
        second = asyncio.create_task(served.server.stop(30))
        served.go_on.set()
        assert (await wire.answer(1)).status == 0
        await wire.until_closed()
        await asyncio.gather(first, second)
        assert not await served.server.wait_for_termination(1)
