"""However an upstream misbehaves, its client is told how the call ended, and no other notices."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.conformance.gateway import failures
from tests.conformance.gateway.conftest import Scene
from tests.conformance.gateway.table import SOUND, VICES
from tests.conformance.wire import frames
from tests.conformance.wire.conftest import request
from tests.conformance.wire.connection import connect
from tests.conformance.wire.frames import message

STUCK = 30
# For all that an upstream may send.
WINDOW = 1 << 30
OPEN = struct.pack("!HI", frames.SETTINGS_INITIAL_WINDOW_SIZE, WINDOW)


@pytest.mark.parametrize("name", VICES)
async def test_what_a_client_sees(scene: Scene, name: str) -> None:
    """To the octet; and calls of another upstream on the same connection end well meanwhile."""
    vice = VICES[name]
    async with asyncio.timeout(STUCK), connect(scene.front.port, OPEN) as wire:
        wire.grant(0, WINDOW)
        wire.headers(
            1, request("", path=scene.path(name), grpc_timeout=b"%dm" % (vice.timeout * 1000))
        )
        # Only now the request may be complete: an answer may come before.
        for stream in 3, 5, 7:
            wire.headers(stream, request("", path=scene.path(SOUND)))
            wire.data(stream, message(b"hello"), end=True)
        wire.data(1, message(b"hello"), end=True)
        answer = await wire.answer(1)
        for stream in 3, 5, 7:
            assert (await wire.answer(stream)).messages == [b"hi"]
        wire.headers(9, request("", path=scene.path(SOUND)))
        wire.data(9, message(b"hello"), end=True)
        assert (await wire.answer(9)).messages == [b"hi"]
        assert not wire.goaways
    assert answer.reset in (None, 0), f"a bare reset {answer.reset}: {answer.blocks}"
    wrong = failures.differs(vice.outcome, failures.code(answer), failures.reason_in(answer))
    assert not wrong, f"{wrong}: {answer.blocks}"
    if vice.outcome.messages is not None:
        assert tuple(answer.messages) == vice.outcome.messages
    if vice.keeps_headers:
        assert len(answer.blocks) == 2, answer.blocks
    scene.front.goes_on()


@pytest.mark.parametrize("name", VICES)
async def test_what_grpcio_makes_of_it(scene: Scene, name: str) -> None:
    vice = VICES[name]
    outcome = vice.grpcio or vice.outcome
    async with grpc.aio.insecure_channel(scene.front.address) as channel:
        method: Any = channel.unary_unary(scene.path(name).decode())
        call = method(b"hello", timeout=vice.timeout)
        async with asyncio.timeout(STUCK):
            code = await call.code()
        assert code.value[0] in outcome.codes, call
