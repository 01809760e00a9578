"""Processes: 1000 calls over four workers, one of which is killed in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio

import tercet
from examples.greeter.v1 import greeter_pb2, greeter_pb2_grpc
from examples.tour.mesh import Mesh, Workers
from examples.tour.table import table
from tercet.cluster.v1 import cluster_pb2
from tercet.errors import TercetError

CALLS = 1000
KILL_AT = 300
# From here on the killed worker's successor is there to take its share.
RESUME_AT = 600
AT_ONCE = 16

# gRPC's own retries (gRFC A6). That SayHello may be repeated is for its caller to know; of the
# statuses, UNAVAILABLE alone says that the same call may succeed elsewhere.
SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": "examples.greeter.v1.Greeter", "method": "SayHello"}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@dataclass
class Tally:
    """What the calls came to. `retried` counts attempts beyond the first of answered calls."""

    pids: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    retried: int = 0


async def run(mesh: Mesh, client: tercet.Client, out: Path) -> str:
    tally = Tally()
    victim = greeters(await mesh.wait_until(all_greet))[0]
    async with tercet.connect(
        mesh.gateway, options=[("grpc.service_config", SERVICE_CONFIG)]
    ) as caller:
        stub = greeter_pb2_grpc.GreeterStub(caller.channel)  # type: ignore[no-untyped-call]
        await greet(stub, range(RESUME_AT), tally, victim.pid)
        workers = await mesh.wait_until(
            lambda workers: all_greet(workers) and greeters(workers)[0].pid != victim.pid
        )
        await greet(stub, range(RESUME_AT, CALLS), tally, victim.pid)

    successor, *others = greeters(workers)
    rows = [(victim.slot, victim.pid, f"killed with SIGKILL at call {KILL_AT}")]
    rows += [(successor.slot, successor.pid, f"took the place of {victim.pid}")]
    rows += [(other.slot, other.pid, "") for other in others]
    table(
        ("SLOT", "PID", "CALLS", "NOTE"),
        [(slot, pid, tally.pids[pid], note) for slot, pid, note in rows],
    )
    answered, failed = tally.pids.total(), tally.failures.total()
    happened = f"{CALLS} calls, {answered + tally.retried} attempts, {failed} failures"
    print(happened)
    if failed:
        raise TercetError(f"{happened}: {dict(tally.failures)}")
    if not tally.pids[successor.pid]:
        raise TercetError(f"the successor {successor.pid} was given no call")
    return f"{happened}; {successor.pid} took over from {victim.pid}"


async def greet(
    stub: greeter_pb2_grpc.GreeterStub, calls: Iterable[int], tally: Tally, victim: int
) -> None:
    """Makes the calls of these numbers, several at a time."""
    numbers = iter(calls)

    async def caller() -> None:
        for number in numbers:
            if number == KILL_AT:
                os.kill(victim, signal.SIGKILL)
            request = greeter_pb2.SayHelloRequest(name=f"caller {number}")
            try:
                answer = await stub.SayHello(request, timeout=20)
            except grpc.aio.AioRpcError as error:
                tally.failures[f"{error.code().name}: {error.details()}"] += 1
            else:
                tally.pids[answer.pid] += 1
                tally.retried += answer.previous_attempts

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


def greeters(workers: Workers) -> list[cluster_pb2.Worker]:
    return [worker for worker in workers if worker.service == "greeter"]


def all_greet(workers: Workers) -> bool:
    return all(worker.state == cluster_pb2.WORKER_STATE_READY for worker in greeters(workers))
