"""Calls beyond what workers can do at once wait in the gateway for the first that is free."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

from tests.integration.busy import SERVICE
from tests.integration.busy_meshes import begin, busy, connected_to, ends
from tests.integration.conftest import Start
from tests.soak.form import LONG

RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED = 8, 4
WORKERS, CALLERS = 4, 64
CALLS = 20 if LONG else 5
# Milliseconds of most calls, and of one in ten.
SHORT, LENGTHY = (10, 1000) if LONG else (10, 300)
# Of the time of all workers, what may pass idly while calls wait: it takes a moment to hand one
# over. And seconds that one worker may be idle at a stretch, on a machine that others use.
SHARE, STRETCH = 0.25, 1.0


class Done(NamedTuple):
    """A call: when it was sent, and when which worker had it."""

    sent: float
    began: float
    ended: float
    pid: int


async def crowd(address: str) -> list[Done]:
    """Callers with a connection each, who make call after call."""
    rng = random.Random(4)
    done = []

    async def caller(each: Sequence[int]) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            method: Any = channel.unary_unary(f"/{SERVICE}/Work")
            for ms in each:
                sent = time.monotonic()
                told = json.loads(await method(b"%d" % ms, timeout=60))
                done.append(Done(sent, told["began"], told["ended"], told["pid"]))

    sizes = [LENGTHY if rng.random() < 0.1 else SHORT for _ in range(CALLERS * CALLS)]
    await asyncio.gather(*(caller(sizes[each::CALLERS]) for each in range(CALLERS)))
    return done


def idle(done: list[Done]) -> tuple[float, float]:
    """How idle workers were while calls waited: the share of their time, the longest stretch."""
    waiting = merged([(each.sent, each.began) for each in done])
    first, last = min(each.sent for each in done), max(each.ended for each in done)
    spans = []
    for pid in {each.pid for each in done}:
        busy = sorted((each.began, each.ended) for each in done if each.pid == pid)
        ends = [first, *(ended for _, ended in busy)]
        begins = [*(began for began, _ in busy), last]
        for span in zip(ends, begins, strict=True):
            spans += [overlap(span, wait) for wait in waiting]
    return sum(spans) / (WORKERS * (last - first)), max(spans)


def merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same times, without overlaps."""
    found: list[tuple[float, float]] = []
    for span in sorted(spans):
        if found and span[0] <= found[-1][1]:
            found[-1] = (found[-1][0], max(span[1], found[-1][1]))
        else:
            found.append(span)
    return found


def overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


async def test_no_call_waits_while_a_worker_idles(start: Start) -> None:
    mesh = busy(start, workers=WORKERS, concurrency=1)
    figures = {}
    for name, address in ("gateway", mesh.gateway), ("SO_REUSEPORT alone", mesh.bind_of("busy")):
        began = time.monotonic()
        done = await crowd(address)
        took = time.monotonic() - began
        assert len(done) == CALLERS * CALLS
        figures[name] = idle(done)
        waits = sorted(each.began - each.sent for each in done)
        print(
            f"{name}: {len(done)} calls in {took:.2f} s; workers idle while calls waited:"
            f" {figures[name][0]:.1%} of their time, {figures[name][1] * 1e3:.0f} ms at a stretch;"
            f" they waited {waits[len(waits) // 2] * 1e3:.0f} ms in the median,"
            f" {waits[-1] * 1e3:.0f} ms at most"
        )
    share, stretch = figures["gateway"]
    assert share < SHARE
    assert stretch < STRETCH


async def test_calls_of_one_gateway_begin_in_their_order(start: Start) -> None:
    mesh = busy(start, workers=1, concurrency=1)
    streams = range(1, 61, 2)
    async with connected_to(mesh, 0) as wire:
        begin(wire, streams, "Hold", 2)
        done = await ends(wire, streams)
    began = [each.told["began"] for each in done]
    assert began == sorted(began)
    for one, next_one in itertools.pairwise(done):
        assert one.told["ended"] <= next_one.told["began"]


async def test_two_gateways_admit_no_more_than_one(start: Start) -> None:
    """They count in common: each worker has its limit and no call more, and is kept busy."""
    limit = 3
    mesh = busy(start, workers=2, gateways=2, concurrency=limit)
    streams = range(1, 401, 2)
    async with connected_to(mesh, 0) as one, connected_to(mesh, 1) as other:
        for wire in one, other:
            begin(wire, streams, "Hold", 5)
        done = await ends(one, streams) + await ends(other, streams)
    assert {each.code for each in done} == {0}
    at_once = [each.told["at_once"] for each in done]
    assert max(at_once) == limit
    assert len({each.told["pid"] for each in done}) == 2


async def test_a_full_queue(start: Start) -> None:
    """What is too much is refused at once, and told when to come again."""
    mesh = busy(start, workers=1, concurrency=1, queue=10)
    streams = range(1, 41, 2)
    async with connected_to(mesh, 0) as wire:
        begin(wire, streams, "Hold", 150)
        # The last ones, while the first one still runs.
        refused = await wire.answer(streams[-1])
        assert sum(answer.ended for answer in wire.answers.values()) <= len(streams) - 11 + 1
        done = await ends(wire, streams)
    full = [each for each in done if each.code]
    assert {(each.code, each.reason) for each in full} == {(RESOURCE_EXHAUSTED, "QUEUE_FULL")}
    assert len(full) == len(streams) - 11
    details = refused.trailers["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(base64.b64decode(details + "=="))
    retry = error_details_pb2.RetryInfo()
    assert any(each.Unpack(retry) for each in status.details)
    assert retry.retry_delay.ToMilliseconds() > 0


async def test_a_deadline_in_the_queue(start: Start) -> None:
    """The call is not begun, and its place is free for others."""
    mesh = busy(start, workers=1, concurrency=1)
    async with connected_to(mesh, 0) as wire:
        begin(wire, range(1, 3, 2), "Hold", 600)
        late, patient = range(3, 23, 2), range(23, 25, 2)
        begin(wire, late, "Hold", 1, timeout=b"200m")
        begin(wire, patient, "Hold", 1)
        done = await ends(wire, late)
        assert not wire.answers.get(1)
        assert {(each.code, each.reason) for each in done} == {
            (DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        }
        ((first,), (last,)) = await ends(wire, range(1, 3, 2)), await ends(wire, patient)
    assert (first.code, last.code) == (0, 0)
    # Nothing ran between the two.
    assert first.told["ended"] <= last.told["began"]


@pytest.mark.parametrize("gateways", [1, 2])
async def test_given_up_in_the_queue(start: Start, gateways: int) -> None:
    """Whose caller has gone does not run; and nobody is left behind."""
    mesh = busy(start, workers=1, gateways=gateways, concurrency=1)
    async with connected_to(mesh, gateways - 1) as wire:
        begin(wire, range(1, 3, 2), "Hold", 300)
        async with connected_to(mesh, 0) as lost:
            begin(lost, range(1, 41, 2), "Hold", 60_000)
            await lost.ping()
        begin(wire, range(3, 5, 2), "Hold", 1)
        (first, last) = await ends(wire, range(1, 5, 2))
    assert (first.code, last.code) == (0, 0)
