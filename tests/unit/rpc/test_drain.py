"""A drain loses no call that was on its way when it began."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tests.support import eventually


async def answers(request: bytes, context: Any) -> bytes:
    await asyncio.sleep(float(request))
    return b"done"


async def holds_the_loop(request: bytes, context: Any) -> bytes:
    time.sleep(float(request))  # noqa: ASYNC251
    return b"done"


def made(engine: str) -> rpc.Server:
    server = rpc.server(engine=engine)
    handlers = {
        each.__name__: grpc.unary_unary_rpc_method_handler(each)
        for each in (answers, holds_the_loop)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", handlers),))
    return server


async def started(engine: str, folder: Path) -> tuple[rpc.Server, grpc.aio.Channel]:
    server = made(engine)
    server.add_insecure_port(f"unix:{folder}/s")
    await server.start()
    options = [("grpc.use_local_subchannel_pool", 1)]
    return server, grpc.aio.insecure_channel(f"unix:{folder}/s", options=options)


async def test_calls_that_were_sent_and_not_picked_up_are_run(engine: str, tmp_path: Path) -> None:
    # grpc/grpc#41785: a plain stop() of the stock server cancels some of them.
    server, to = await started(engine, tmp_path)
    async with to:
        await to.channel_ready()
        calls = [to.unary_unary("/a.B/holds_the_loop")(b"0.02") for _ in range(20)]
        await eventually(lambda: server.calls_begun > 0)
        draining = asyncio.create_task(server.drain(20))
        assert await asyncio.gather(*calls) == [b"done"] * 20
        await draining


async def test_it_waits_for_calls_that_run_and_ends_then(engine: str, tmp_path: Path) -> None:
    server, to = await started(engine, tmp_path)
    async with to:
        call = to.unary_unary("/a.B/answers")(b"0.3")
        await eventually(lambda: server.calls_running == 1)
        before = time.monotonic()
        await server.drain(60)
        assert await call == b"done"
        assert time.monotonic() - before < 30


async def test_what_outlasts_the_grace_is_cut(engine: str, tmp_path: Path) -> None:
    server, to = await started(engine, tmp_path)
    async with to:
        call = to.unary_unary("/a.B/answers")(b"600")
        await eventually(lambda: server.calls_running == 1)
        await server.drain(0.3)
        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_callers_that_never_stop_do_not_use_up_the_grace(engine: str, tmp_path: Path) -> None:
    server, to = await started(engine, tmp_path)
    done: list[bytes] = []
    refused: list[grpc.StatusCode] = []

    async def caller() -> None:
        while not refused:
            try:
                done.append(await to.unary_unary("/a.B/answers")(b"0.05"))
            except grpc.aio.AioRpcError as error:
                refused.append(error.code())

    async with to:
        callers = [asyncio.create_task(caller()) for _ in range(4)]
        await eventually(lambda: len(done) > 4)
        await server.drain(2.0)
        await asyncio.gather(*callers)
    # They are refused, or not picked up any more; none that ran was cut.
    assert server.calls_running == 0
    assert set(refused) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert {code for _, code in server.statistics()["calls"]} == {0}


async def test_without_grace_it_ends_at_once(engine: str, tmp_path: Path) -> None:
    server, to = await started(engine, tmp_path)
    async with to:
        call = to.unary_unary("/a.B/answers")(b"600")
        await eventually(lambda: server.calls_running == 1)
        await server.drain(0)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
