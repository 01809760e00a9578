"""No exception of a user's code takes the server, or another call, with it.

Where grpc.aio answers, tests/conformance/context compares; these it does not answer, or it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tercet import rpc
from tests.support import running

BAD = [SystemExit, GeneratorExit, type("Odd", (BaseException,), {})]


def leave(kind: type[BaseException]) -> Any:
    raise kind("gone")


def handlers(kind: type[BaseException]) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    async def unary(request: bytes, context: Any) -> Any:
        leave(kind)

    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        leave(kind)

    def plain(request: bytes, context: Any) -> Any:
        leave(kind)

    async def callback(request: bytes, context: Any) -> bytes:
        context.add_done_callback(lambda _: leave(kind))
        return b"fine"

    def wrong(given: Any) -> Any:
        leave(kind)

    return {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.unary_stream_rpc_method_handler(stream),
        "Plain": grpc.unary_unary_rpc_method_handler(plain),
        "Deserializer": grpc.unary_unary_rpc_method_handler(echo, request_deserializer=wrong),
        "Serializer": grpc.unary_unary_rpc_method_handler(echo, response_serializer=wrong),
        "Callback": grpc.unary_unary_rpc_method_handler(callback),
    }


class Interceptor(grpc.aio.ServerInterceptor):
    def __init__(self, kind: type[BaseException]) -> None:
        self._kind = kind

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        if details.method.endswith("/Intercepted"):
            leave(self._kind)
        return await continuation(details)


def made(kind: type[BaseException], **arguments: Any) -> rpc.Server:
    server = rpc.server(engine="native", **arguments)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("a.B", handlers(kind)),))
    return server


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("method", ["Unary", "Plain", "Deserializer", "Serializer"])
async def test_it_is_unknown_and_the_server_goes_on(
    kind: type[BaseException], method: str, tmp_path: Path
) -> None:
    async with running(made(kind), tmp_path) as to:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await to.unary_unary(f"/a.B/{method}")(b"", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNKNOWN
        assert kind.__name__ in str(caught.value.details())
        assert await to.unary_unary("/a.B/Echo")(b"hi", timeout=20) == b"hi"


@pytest.mark.parametrize("kind", BAD)
async def test_in_the_middle_of_a_stream(kind: type[BaseException], tmp_path: Path) -> None:
    async with running(made(kind), tmp_path) as to:
        call = to.unary_stream("/a.B/Stream")(b"", timeout=20)
        assert await call.read() == b"one"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.UNKNOWN
        assert await to.unary_unary("/a.B/Echo")(b"hi", timeout=20) == b"hi"


@pytest.mark.parametrize("kind", [*BAD, ValueError])
async def test_of_a_done_callback_nobody_is_told(
    kind: type[BaseException], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(made(kind), tmp_path) as to:
        assert await to.unary_unary("/a.B/Callback")(b"", timeout=20) == b"fine"
        assert await to.unary_unary("/a.B/Echo")(b"hi", timeout=20) == b"hi"
    assert "A done callback of [/a.B/Callback] failed" in caplog.text


@pytest.mark.parametrize("kind", BAD)
async def test_of_an_interceptor(kind: type[BaseException], tmp_path: Path) -> None:
    async with running(made(kind, interceptors=[Interceptor(kind)]), tmp_path) as to:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await to.unary_unary("/a.B/Intercepted")(b"", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNKNOWN
        assert await to.unary_unary("/a.B/Echo")(b"hi", timeout=20) == b"hi"


async def test_a_lookup_that_fails_ends_its_own_call_only(tmp_path: Path) -> None:
    class Broken(grpc.ServiceRpcHandler):
        def service_name(self) -> str:
            return "a.Broken"

        def service(self, details: Any) -> Any:
            if details.method.startswith("/a.Broken/"):
                raise LookupError("no such thing")
            return None

    server = made(SystemExit)
    server.add_generic_rpc_handlers((Broken(),))
    async with running(server, tmp_path) as to:
        broken = asyncio.ensure_future(to.unary_unary("/a.Broken/X")(b"", timeout=20))
        echo = asyncio.ensure_future(to.unary_unary("/a.B/Echo")(b"hi", timeout=20))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await broken
        assert caught.value.code() is grpc.StatusCode.UNKNOWN
        assert await echo == b"hi"
