"""The other gateway processes of the mesh, asked for their metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import grpc.aio

from tercet.cluster.messages import WorkerRecord
from tercet.cluster.states import State
from tercet.gateway.admin_socket import admin_socket
from tercet.gateway.v1 import gateway_pb2, gateway_pb2_grpc

# Seconds after which a gateway is left out.
PATIENCE = 1.0
ANSWERS = (State.READY, State.DRAINING)
OPTIONS = [
    # A subchannel of its own: a shared one would remember the failure of an earlier attempt.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
]

Answers = Mapping[int, gateway_pb2.GetMetricsResponse | None]


class Peers:
    """Knows them from the list of workers, which a gateway follows anyway.

    Args:
        service: The service that they, and this process, are workers of.
        slot: This process's own, which is not asked.
    """

    def __init__(self, service: str, slot: int) -> None:
        self._service = service
        self._slot = slot
        # By slot; None while there is no process to ask.
        self._addresses: dict[int, str | None] = {}

    def update(self, workers: Iterable[WorkerRecord]) -> None:
        """Takes over a list of workers."""
        self._addresses = {}
        for worker in workers:
            if worker.service == self._service and worker.slot != self._slot:
                asked = admin_socket(worker.address) if worker.state in ANSWERS else None
                # Of several in one slot the first is the one that fills it.
                self._addresses[worker.slot] = self._addresses.get(worker.slot) or asked

    async def ask(self) -> Answers:
        """Their metrics by slot; None for one that is not there or does not answer in time."""
        asked = dict(self._addresses)
        answers = await asyncio.gather(*map(_ask, asked.values()))
        return dict(zip(asked, answers, strict=True))


async def _ask(address: str | None) -> gateway_pb2.GetMetricsResponse | None:
    if address is None:
        return None
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        try:
            return await gateway_pb2_grpc.GatewayStub(channel).GetMetrics(
                gateway_pb2.GetMetricsRequest(), timeout=PATIENCE
            )
        except grpc.aio.AioRpcError:
            return None
