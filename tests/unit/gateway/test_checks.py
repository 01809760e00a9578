"""What of a server's answers makes its endpoint healthy, and what does not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tercet import rpc
from tercet.gateway.channels import channel
from tercet.gateway.checks import Checks
from tercet.gateway.config import HealthChecks
from tercet.rpc.health import NOT_SERVING, SERVING
from tests.support import eventually, running
from tests.unit.gateway.standins import Endpoint, Upstream

HOUR = 3600.0


class Health(health_pb2_grpc.HealthServicer):
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.answer: int | grpc.StatusCode = SERVING
        self.hangs = asyncio.Event()
        self.hangs.set()
        self.asked = 0

    async def Check(self, request: Any, context: Any) -> Any:
        self.asked += 1
        await self.hangs.wait()
        if isinstance(self.answer, grpc.StatusCode):
            await context.abort(self.answer, "no")
        return health_pb2.HealthCheckResponse(status=self.answer)


class Checked:
    def __init__(self, made: grpc.aio.Channel, timeout: float, interval: float) -> None:
        self.upstream = Upstream()
        self.endpoint = Endpoint(connected=True)
        self.checks = Checks(
            cast("Any", self.upstream),
            cast("Any", self.endpoint),
            made,
            HealthChecks(interval=interval, timeout=timeout),
            rng=Random(1),
        )


@asynccontextmanager
async def checked(
    folder: Path, health: Health | None, *, timeout: float = 30.0, interval: float = HOUR
) -> AsyncIterator[Checked]:
    server = rpc.server()
    if health:
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
    async with running(server, folder), channel(f"unix:{folder}/s") as made:
        yield Checked(made, timeout, interval)


async def test_two_failures_in_a_row_are_unhealthy_and_one_success_is_healthy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    health = Health()
    with caplog.at_level(logging.INFO, logger="tercet.gateway"):
        async with checked(tmp_path, health) as made:
            for answer, healthy in [
                (SERVING, True),
                (grpc.StatusCode.INTERNAL, True),
                (SERVING, True),
                (grpc.StatusCode.INTERNAL, True),
                (grpc.StatusCode.UNAVAILABLE, False),
                (grpc.StatusCode.UNAVAILABLE, False),
                (SERVING, True),
                (SERVING, True),
            ]:
                health.answer = answer
                await made.checks.check()
                assert made.endpoint.healthy is healthy
            assert made.upstream.changes == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]
    assert "UNAVAILABLE: no" in caplog.records[0].getMessage()


async def test_not_serving_is_believed_at_once(tmp_path: Path) -> None:
    health = Health()
    async with checked(tmp_path, health) as made:
        health.answer = NOT_SERVING
        await made.checks.check()
        assert not made.endpoint.healthy


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAUTHENTICATED,
    ],
)
async def test_a_server_that_does_not_tell_is_healthy(
    code: grpc.StatusCode, tmp_path: Path
) -> None:
    health = Health()
    health.answer = code
    async with checked(tmp_path, health) as made:
        made.endpoint.healthy = False
        await made.checks.check()
        assert made.endpoint.healthy


async def test_a_server_without_a_health_service_is_healthy(tmp_path: Path) -> None:
    async with checked(tmp_path, None) as made:
        for _ in range(3):
            await made.checks.check()
        assert made.endpoint.healthy
        assert not made.upstream.changes


async def test_one_that_hangs_is_unhealthy_until_it_goes_on(tmp_path: Path) -> None:
    health = Health()
    async with checked(tmp_path, health, timeout=0.05, interval=0.01) as made:
        checking = asyncio.create_task(made.checks.run())
        await eventually(lambda: health.asked > 2)
        assert made.endpoint.healthy
        health.hangs.clear()
        await eventually(lambda: not made.endpoint.healthy)
        health.hangs.set()
        await eventually(lambda: made.endpoint.healthy)
        checking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await checking


async def test_nothing_is_asked_without_a_connection_and_at_once_with_one(tmp_path: Path) -> None:
    health = Health()
    async with checked(tmp_path, health) as made:
        made.endpoint.connected = False
        checking = asyncio.create_task(made.checks.run())
        made.checks.soon()
        await asyncio.sleep(0.01)
        assert health.asked == 0
        made.endpoint.connected = True
        made.checks.soon()
        await eventually(lambda: health.asked == 1)
        checking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await checking


async def test_a_check_whose_endpoint_is_lost_meanwhile_does_not_count(tmp_path: Path) -> None:
    health = Health()
    health.answer = NOT_SERVING
    health.hangs.clear()
    async with checked(tmp_path, health) as made:
        checking = asyncio.create_task(made.checks.check())
        await eventually(lambda: health.asked == 1)
        made.endpoint.connected = False
        health.hangs.set()
        await checking
        assert made.endpoint.healthy
