"""What an upstream says that it serves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tercet.gateway.channels import channel
from tercet.gateway.member import Kept, Member
from tercet.gateway.services import Services
from tercet.rpc import reflection
from tests.support import eventually, running
from tests.unit.gateway.standins import Endpoint, Keeper, Upstream

HOUR = 3600.0


def reflecting(*names: str) -> grpc.aio.Server:
    server = rpc.server()
    for name in names:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {}),))
    reflection.add_to(server, reflection.local(names))
    return server


class Asked:
    def __init__(self, pause: float) -> None:
        self.changes = 0
        self.member = Member(cast("Any", Upstream()), cast("Any", None), tells=False)
        self.services = Services(self.member, changed=self.changed, pause=pause)

    def changed(self) -> None:
        self.changes += 1

    def add(self, made: grpc.aio.Channel, *, connected: bool = True) -> None:
        keeper = Keeper(lambda: None, lambda: None)
        keeper.channel = made
        endpoint = cast("Any", Endpoint(connected=connected))
        self.member.kept[str(len(self.member.kept))] = Kept(endpoint, keeper)


@asynccontextmanager
async def asked(folder: Path, *names: str, pause: float = HOUR) -> AsyncIterator[Asked]:
    """An upstream with an endpoint for each name, the sockets of which are in the folder."""
    made = Asked(pause)
    async with AsyncExitStack() as stack:
        for name in names:
            made.add(await stack.enter_async_context(channel(f"unix:{folder}/{name}/s")))
        running = asyncio.create_task(made.services.run())
        yield made
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def folder(path: Path, name: str) -> Path:
    (path / name).mkdir()
    return path / name


async def test_the_first_that_answers_is_believed(tmp_path: Path) -> None:
    server = reflecting("a.B")
    async with (
        running(server, folder(tmp_path, "there")),
        asked(tmp_path, "nowhere", "there") as made,
    ):
        await eventually(lambda: made.changes == 1)
        assert made.member.grpc_services == {"a.B", *reflection.SERVICES}


async def test_it_is_asked_again_until_it_answers(tmp_path: Path) -> None:
    async with asked(tmp_path, "late", pause=0.01) as made:
        await asyncio.sleep(0.05)
        assert made.member.grpc_services is None
        async with running(reflecting("a.B"), folder(tmp_path, "late")):
            await eventually(lambda: made.changes == 1)


async def test_it_is_asked_again_when_its_endpoints_change(tmp_path: Path) -> None:
    where = folder(tmp_path, "one")
    async with asked(tmp_path, "one", pause=0.01) as made:
        async with running(reflecting("a.B"), where):
            await eventually(lambda: made.changes == 1)
        made.services.soon()
        async with running(reflecting("a.B", "c.D"), where):
            await eventually(lambda: made.changes == 2)
        # In between it was known by what it had said.
        assert made.member.grpc_services == {"a.B", "c.D", *reflection.SERVICES}


async def test_one_without_reflection_is_told_about_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="tercet.gateway"):
        async with (
            running(rpc.server(), folder(tmp_path, "bare")),
            asked(tmp_path, "bare", pause=0.001) as made,
        ):
            await eventually(lambda: bool(caplog.records))
            made.services.soon()
            assert await made.services.ask()
            assert made.member.grpc_services is None
    [record] = caplog.records
    assert "no reflection" in record.getMessage()
