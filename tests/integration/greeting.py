"""Calls to the greeter, counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import grpc.aio

from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from examples.tour.greeter import SERVICE_CONFIG


@dataclass
class Tally:
    """What many calls came to."""

    pids: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    retries: int = 0


def channel(address: str, *, retry: bool = False) -> grpc.aio.Channel:
    options: list[tuple[str, object]] = [("grpc.use_local_subchannel_pool", 1)]
    if retry:
        options.append(("grpc.service_config", SERVICE_CONFIG))
    return grpc.aio.insecure_channel(address, options=options)


async def greet(to: grpc.aio.Channel, tally: Tally) -> None:
    stub = greeter_pb2_grpc.GreeterStub(to)
    try:
        answer = await stub.SayHello(greeter_pb2.SayHelloRequest(name="you"), timeout=20)
    except grpc.aio.AioRpcError as error:
        tally.failures[f"{error.code().name}: {error.details()}"] += 1
    else:
        tally.pids[answer.pid] += 1
        tally.retries += answer.previous_attempts


async def greet_many(to: grpc.aio.Channel, count: int, *, at_once: int = 16) -> Tally:
    """Makes so many calls, so many of them at a time."""
    tally = Tally()
    left = iter(range(count))

    async def caller() -> None:
        for _ in left:
            await greet(to, tally)

    await asyncio.gather(*(caller() for _ in range(at_once)))
    return tally
