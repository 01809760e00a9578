"""Meshes of `tests.integration.busy` behind gateways, and calls of it by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psutil

from tercet.cli.mesh import GATEWAY_TARGET
from tercet.cluster.spec import MeshSpec, ServiceSpec
from tests.conformance.gateway import failures
from tests.conformance.wire.conftest import request
from tests.conformance.wire.connection import Answer, Connection, connect
from tests.conformance.wire.frames import message
from tests.integration.busy import SERVICE
from tests.integration.conftest import Start
from tests.integration.meshes import Mesh


def busy(
    start: Start, *, workers: int, gateways: int = 1, concurrency: int = 0, queue: int = 1024
) -> Mesh:
    services = [
        ServiceSpec(
            name="gateway",
            target=GATEWAY_TARGET,
            workers=gateways,
            bind="127.0.0.1:0",
            options={"concurrency": {"busy": concurrency}, "queue": queue},
            routed=False,
            gateway=True,
        ),
        ServiceSpec(
            name="busy",
            target="tests.integration.busy:register",
            workers=workers,
            bind="127.0.0.1:0",
            import_from_cwd=True,
        ),
    ]
    return start(spec=MeshSpec(services=services, grace=1)).wait_ready()


class End(NamedTuple):
    """How a call ended.

    Attributes:
        reason: Of the gateway's ErrorInfo; "" if there is none.
        told: What the servicer answered.
    """

    code: int
    reason: str
    told: dict[str, Any]


def end(answer: Answer) -> End:
    assert answer.reset in (None, 0), f"a bare reset {answer.reset}"
    told = json.loads(answer.messages[0]) if answer.messages else {}
    return End(failures.code(answer), failures.reason_in(answer), told)


def begin(
    wire: Connection, streams: range, method: str, ms: int, *, timeout: bytes | None = None
) -> None:
    path = f"/{SERVICE}/{method}".encode()
    for stream in streams:
        wire.headers(stream, request("", path=path, grpc_timeout=timeout))
        wire.data(stream, message(b"%d" % ms), end=True)


async def ends(wire: Connection, streams: range) -> list[End]:
    return [end(await wire.answer(stream)) for stream in streams]


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@asynccontextmanager
async def connected_to(mesh: Mesh, slot: int) -> AsyncIterator[Connection]:
    """A connection that the kernel has given to the gateway of that slot, which knows its way."""
    stream = 1
    async with asyncio.timeout(20), _connected_to(mesh, slot) as wire:
        while True:
            begin(wire, one := range(stream, stream + 2, 2), "Hold", 0)
            ((code, _, _),) = await ends(wire, one)
            if code == 0:
                break
            stream += 2
    async with _connected_to(mesh, slot) as wire:
        yield wire


@asynccontextmanager
async def _connected_to(mesh: Mesh, slot: int) -> AsyncIterator[Connection]:
    port = port_of(mesh.gateway)
    process = psutil.Process(mesh.worker("gateway", slot)["pid"])
    for _ in range(200):
        async with connect(port) as wire:
            await wire.ping()
            ours = wire.local
            if any(each.raddr and each.raddr.port == ours for each in process.net_connections()):
                yield wire
                return
    raise AssertionError(f"the kernel gives no connection to gateway {slot}")
