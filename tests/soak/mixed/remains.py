"""What gateways hold: by their own account, by the memory that they share, and by the kernel's."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

import grpc
import psutil

from tercet.cluster import region
from tercet.gateway.admin_socket import admin_socket
from tercet.gateway.v1 import gateway_pb2, gateway_pb2_grpc
from tests.integration.meshes import Mesh

PREFIX = "tercet_gateway_"
# native/include/tercet/region.h: calls, oldest, waiting, listed.
CELL = struct.Struct("=QQII")


class Held(NamedTuple):
    """Of one gateway process.

    Attributes:
        busy: What is there of calls and clients, by name; nothing once it is at rest.
        columns: Of the shared memory: those that it has claimed, less those that it should have.
    """

    busy: dict[str, int]
    columns: int
    descriptors: int
    threads: int
    rss: int


def held(mesh: Mesh) -> dict[int, Held]:
    """By the slot of the gateway."""
    rows = _rows(mesh.pid)
    return {
        int(worker["slot"]): _held(worker["pid"], worker["address"], rows[int(worker["slot"])])
        for worker in mesh.workers("gateway")
    }


class Row(NamedTuple):
    calls: int
    attempts: int
    waiting: int
    claims: int


def _held(pid: int, address: str, row: Row) -> Held:
    with grpc.insecure_channel(admin_socket(address)) as channel:
        admin = gateway_pb2_grpc.GatewayStub(channel)
        upstreams = admin.ListUpstreams(gateway_pb2.ListUpstreamsRequest(), timeout=10).upstreams
        metrics = admin.GetMetrics(gateway_pb2.GetMetricsRequest(), timeout=10).families
    families = {each.name.removeprefix(PREFIX): each.samples for each in metrics}
    endpoints = [endpoint for upstream in upstreams for endpoint in upstream.endpoints]
    counts = {
        "connections": families["connections"][0].value,
        "calls in flight": sum(each.value for each in families["calls_in_flight"]),
        "waiting calls": sum(upstream.waiting for upstream in upstreams),
        "calls of endpoints": sum(each.in_flight for each in endpoints),
        "calls of endpoints, of all gateways": sum(each.total_in_flight for each in endpoints),
        "calls in its row": row.calls,
        "attempts in its row": row.attempts,
        "waiting calls in its row": row.waiting,
    }
    process = psutil.Process(pid)
    return Held(
        busy={name: int(count) for name, count in counts.items() if count},
        columns=row.claims - len(upstreams) - len(endpoints),
        descriptors=process.num_fds(),
        threads=process.num_threads(),
        rss=int(process.memory_info().rss),
    )


def _rows(supervisor: int) -> list[Row]:
    """The shared memory, as the supervisor has it."""
    folder = Path(f"/proc/{supervisor}/fd")
    memory = next(
        each for each in folder.iterdir() if os.readlink(each).startswith("/memfd:tercet-region")
    ).read_bytes()
    rows = []
    for begin in range(region.ROWS, len(memory), region.ROW):
        row = memory[begin : begin + region.ROW]
        cells = [CELL.unpack_from(row, at) for at in range(0, region.ROW, region.CELL)]
        rows.append(
            Row(
                calls=sum(calls & 0xFFFFFFFF for calls, *_ in cells),
                attempts=sum(calls >> 32 for calls, *_ in cells),
                waiting=sum(waiting for _, _, waiting, _ in cells),
                claims=sum(listed for *_, listed in cells),
            )
        )
    return rows
