"""One server asked by reflection."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_reflection.v1alpha import reflection as stock_reflection

from tercet.gateway import asking
from tercet.gateway.channels import channel


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[grpc.Server]:
    """A server of grpc's own; started by the test."""
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads)
        server.add_insecure_port(f"unix:{tmp_path}/s")
        yield server
        server.stop(None).wait()


async def test_a_server_that_has_v1alpha_alone_is_asked_for_that(
    stock: grpc.Server, tmp_path: Path
) -> None:
    stock_reflection.enable_server_reflection(["a.B"], stock)
    stock.start()
    async with channel(f"unix:{tmp_path}/s") as made:
        assert await asking.services(made) == {"a.B"}


async def test_a_server_without_reflection_is_told_from_one_that_cannot_be_asked(
    stock: grpc.Server, tmp_path: Path
) -> None:
    async with channel(f"unix:{tmp_path}/s") as made:
        with pytest.raises(grpc.aio.AioRpcError):
            await asking.services(made)
    stock.start()
    # Again and again: the refusal must not come across the request.
    for _ in range(100):
        async with channel(f"unix:{tmp_path}/s") as made:
            with pytest.raises(asking.NoReflection):
                await asking.services(made)
