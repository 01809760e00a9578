"""Keepalive, idleness and age, with short times."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tercet import rpc
from tests.conformance.wire.conftest import Handlers, Served, reference_deviates, request
from tests.conformance.wire.connection import connect
from tests.conformance.wire.frames import message
from tests.support import eventually


@asynccontextmanager
async def serving(engine: str, **options: int) -> AsyncIterator[Served]:
    made = Served(
        rpc.server(
            engine=engine,
            options=[(f"grpc.{name.replace('__', '.')}", each) for name, each in options.items()],
        )
    )
    made.server.add_generic_rpc_handlers((Handlers(made),))
    made.port = made.server.add_insecure_port("127.0.0.1:0")
    await made.server.start()
    try:
        yield made
    finally:
        await made.server.stop(0)


async def test_pings_too_often(engine: str) -> None:
    async with serving(engine) as served, connect(served.port) as wire:
        with pytest.raises(AssertionError, match="closed"):
            for _ in range(5):
                await wire.ping()
        assert wire.goaways[-1].payload[4:] == b"\0\0\0\x0btoo_many_pings"


async def test_an_idle_connection_ends(engine: str) -> None:
    async with serving(engine, max_connection_idle_ms=200) as served, connect(served.port) as wire:
        await wire.until_closed()
        reference_deviates(engine, "ends an idle connection with INTERNAL_ERROR")
        assert wire.goaways[-1].payload[4:8] == bytes(4)


async def test_an_old_connection_ends_after_the_grace(engine: str) -> None:
    async with (
        serving(engine, max_connection_age_ms=200, max_connection_age_grace_ms=200) as served,
        connect(served.port) as wire,
    ):
        wire.headers(1, request("Wait"))
        wire.data(1, message(b""), end=True)
        await wire.until_closed()
        assert wire.goaways
        await eventually(lambda: "cancelled" in served.notes)
