"""A call that surely has not started goes elsewhere; one that may have run is not made twice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter

import pytest

from tests.conformance.gateway import failures
from tests.conformance.gateway.conftest import LATER, NOBODY, NOBODY_OR_SOUND, Scene
from tests.conformance.gateway.link import Link, greet
from tests.conformance.gateway.table import NOT_REACHED, SOUND, TOGETHER
from tests.conformance.gateway.vices import honest
from tests.conformance.wire.conftest import request
from tests.conformance.wire.connection import Connection, connect
from tests.conformance.wire.frames import message

STUCK = 40
CALLS = 20
MAY_HAVE_RUN = f"closed or {SOUND}"
# Code and reason of an end.
End = tuple[int, str]
WELL: End = (0, "")


async def calls(scene: Scene, name: str, *, at_once: int = 1, count: int = CALLS) -> Counter[End]:
    """How so many calls end."""
    ends: Counter[End] = Counter()
    async with asyncio.timeout(STUCK), connect(scene.front.port) as wire:
        for first in range(0, count, at_once):
            streams = [2 * number + 1 for number in range(first, first + at_once)]
            for stream in streams:
                begin(wire, scene, name, stream)
            for stream in streams:
                answer = await wire.answer(stream)
                ends[failures.code(answer), failures.reason_in(answer)] += 1
    return ends


def begin(wire: Connection, scene: Scene, name: str, stream: int) -> None:
    wire.headers(stream, request("", path=scene.path(name), grpc_timeout=b"20S"))
    wire.data(stream, message(b"hello"), end=True)


@pytest.mark.parametrize("at_once", [1, CALLS])
@pytest.mark.parametrize("name", [*sorted(set(TOGETHER) - {MAY_HAVE_RUN}), NOBODY_OR_SOUND])
async def test_another_endpoint_takes_the_call(scene: Scene, name: str, at_once: int) -> None:
    assert await calls(scene, name, at_once=at_once) == {WELL: CALLS}
    scene.front.goes_on()


async def test_what_may_have_run_is_not_made_again(scene: Scene) -> None:
    def begun() -> int:
        return sum(scene.upstreams.notes(each).count("call") for each in ("closed", SOUND))

    before = begun()
    ends = await calls(scene, MAY_HAVE_RUN)
    lost = (14, "WORKER_LOST")
    assert ends[WELL] + ends[lost] == CALLS, ends
    assert begun() - before == CALLS


async def test_a_refusal_that_passes(scene: Scene) -> None:
    """Each endpoint is asked once more at most: there may be no end to it."""
    name = "refused every second time"
    before = scene.upstreams.notes(name).count("call")
    ends = await calls(scene, name)
    assert ends[WELL] + ends[14, "NOT_STARTED"] == CALLS, ends
    assert scene.upstreams.notes(name).count("call") - before <= 2 * CALLS


async def test_an_upstream_that_takes_one_call_at_a_time(scene: Scene) -> None:
    """MAX_CONCURRENT_STREAMS: the others wait, and none is refused."""
    name = "one at a time"
    assert await calls(scene, name, at_once=CALLS) == {WELL: CALLS}
    assert "too many" not in scene.upstreams.notes(name)


async def test_nobody_is_there(scene: Scene) -> None:
    ends = await calls(scene, NOBODY, at_once=CALLS)
    assert set(ends) <= {(14, reason) for reason in NOT_REACHED.reasons}, ends
    scene.front.goes_on()


async def test_somebody_comes_later(scene: Scene) -> None:
    """A gateway goes on trying."""
    assert WELL not in await calls(scene, LATER)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The test's end ends it, which is no error of a server's.
        with contextlib.suppress(asyncio.CancelledError):
            await Link(reader, writer, honest.well, greet, lambda note: None).run()

    scene.later.setblocking(False)
    async with await asyncio.start_server(connected, sock=scene.later.dup()):
        deadline = time.monotonic() + STUCK
        while await calls(scene, LATER, count=1) != {WELL: 1}:
            assert time.monotonic() < deadline
        assert await calls(scene, LATER, at_once=CALLS) == {WELL: CALLS}
