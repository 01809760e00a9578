"""Asks each starting worker for its health, over its own socket, until it is SERVING.

A message of the worker that it is ready would prove less: that its code ran, not that its socket
answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tercet.cluster.messages import Serving, WorkerRecord
from tercet.cluster.states import State

INTERVAL = 0.05
DEADLINE = 2.0


class Prober:
    """One task for each worker that has bound its socket and is not ready yet.

    Args:
        found: Called with each worker that is SERVING.
    """

    def __init__(self, *, found: Callable[[Serving], None]) -> None:
        self._found = found
        self._tasks: dict[Serving, asyncio.Task[None]] = {}

    def update(self, workers: Iterable[WorkerRecord]) -> None:
        """Starts and stops probing, after the list of workers has changed."""
        wanted = {
            Serving(worker.service, worker.slot, worker.generation): worker.address
            for worker in workers
            if worker.state is State.STARTING and worker.bound
        }
        for key in self._tasks.keys() - wanted.keys():
            self._tasks.pop(key).cancel()
        for key in wanted.keys() - self._tasks.keys():
            self._tasks[key] = asyncio.create_task(self._probe(key, wanted[key]))

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _probe(self, key: Serving, address: str) -> None:
        while True:
            if await is_serving(address):
                self._found(key)
                return
            await asyncio.sleep(INTERVAL)


async def is_serving(address: str) -> bool:
    """Whether the server at a gRPC target says SERVING, or has no health service at all."""
    # A subchannel of its own: a shared one would remember the failure of an earlier attempt.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=DEADLINE
            )
        except grpc.aio.AioRpcError as error:
            return error.code() is grpc.StatusCode.UNIMPLEMENTED
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
