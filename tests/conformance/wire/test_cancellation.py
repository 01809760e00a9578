"""A reset stream or a lost connection ends the handlers that worked for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.conftest import REFERENCE
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import Served, reference_deviates, request
from tests.conformance.wire.connection import Connection, connect
from tests.conformance.wire.frames import message
from tests.support import eventually


async def waiting(wire: Connection, served: Served, *streams: int) -> None:
    """Calls whose handlers run."""
    before = served.notes.count("started")
    for stream in streams:
        wire.headers(stream, request("Wait"))
        wire.data(stream, message(b""), end=True)
    await eventually(lambda: served.notes.count("started") == before + len(streams))


@pytest.mark.parametrize("code", [frames.CANCEL, frames.NO_ERROR, frames.INTERNAL_ERROR])
async def test_a_reset_cancels_the_handler(wire: Connection, served: Served, code: int) -> None:
    await waiting(wire, served, 1)
    wire.reset(1, code)
    await eventually(lambda: "cancelled" in served.notes)


async def test_a_reset_cancels_no_other(wire: Connection, served: Served) -> None:
    await waiting(wire, served, 1, 3, 5)
    wire.reset(3)
    await eventually(lambda: "cancelled" in served.notes)
    served.go_on.set()
    for stream in 1, 5:
        assert (await wire.answer(stream)).messages == [b"waited"]
    assert served.notes.count("cancelled") == 1
    await wire.ping()
    assert 3 not in wire.answers, "nothing may be sent on a stream that the peer reset"


async def test_a_lost_connection_cancels_all_its_handlers(served: Served) -> None:
    async with connect(served.port) as lost, connect(served.port) as kept:
        await waiting(kept, served, 1)
        await waiting(lost, served, 1, 3, 5)
        lost.close()
        await eventually(lambda: served.notes.count("cancelled") == 3)
        served.go_on.set()
        assert (await kept.answer(1)).messages == [b"waited"]


async def test_a_writer_that_nobody_reads_ends(served: Served) -> None:
    """It waits for window, not for its own code."""
    async with connect(served.port) as lost:
        lost.headers(1, request("Pour"))
        lost.data(1, message(b""), end=True)
        await lost.until(lambda: len(lost.answers[1].data) > 60000 if 1 in lost.answers else False)
        lost.reset(1)
        await eventually(lambda: "ended" in served.notes)


async def test_a_reset_before_the_message(wire: Connection, served: Served) -> None:
    """No handler of a method with one request has begun; the connection serves the next call."""
    wire.headers(1, request("Wait"))
    wire.reset(1)
    served.go_on.set()
    wire.headers(3, request("Wait"))
    wire.data(3, message(b""), end=True)
    assert (await wire.answer(3)).messages == [b"waited"]
    assert served.notes == ["started"]


async def test_many_resets_at_once(wire: Connection, served: Served) -> None:
    """Each handler that began is cancelled; none is left behind."""
    streams = range(1, 101, 2)
    await waiting(wire, served, *streams)
    for stream in streams:
        wire.reset(stream)
    await eventually(lambda: served.notes.count("cancelled") == len(streams))


async def test_a_breach_of_the_protocol_ends_the_calls_of_its_connection(
    wire: Connection, served: Served, engine: str
) -> None:
    """At once: not when the client has seen to closing it."""
    await waiting(wire, served, 1)
    wire.grant(0, 0)
    await eventually(lambda: "cancelled" in served.notes)
    if engine != REFERENCE:
        server: Any = served.server
        assert server.statistics()["connections"] == 1


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_stream_that_the_server_resets_ends_its_handler(
    engine: str, served: Served, leaves: bool
) -> None:
    """Whether or not another byte comes of the client, which has made it do so."""
    reference_deviates(engine, "lets a window overflow")
    async with connect(served.port) as wire:
        await waiting(wire, served, 1)
        wire.grant(1, 2**31 - 1)
        assert (await wire.answer(1)).reset == frames.FLOW_CONTROL_ERROR
        if leaves:
            wire.close()
        await eventually(lambda: "cancelled" in served.notes)
