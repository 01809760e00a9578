"""gRPC's interop cases with the stock asyncio client.

The cases are those of interop-test-descriptions.md that need neither a cloud account nor
compression; each test has the name of its case.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.conformance.interop.conftest import Peer
from tests.conformance.interop.contract import ECHO_INITIAL, ECHO_TRAILING, messages, services

SENT = (27182, 8, 1828, 45904)
ASKED = (31415, 9, 2653, 58979)
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


@pytest.fixture
async def stub(peer: Peer) -> AsyncIterator[Any]:
    async with peer.channel(grpc.aio) as channel:
        yield services.InteropStub(channel)


def large() -> Any:
    return messages.UnaryRequest(response_size=314159, body=bytes(271828))


def ping(sent: int, asked: int) -> Any:
    return messages.ConverseRequest(sizes=[asked], body=bytes(sent))


async def test_empty_unary(stub: Any) -> None:
    assert await stub.Empty(messages.EmptyRequest()) == messages.EmptyResponse()


async def test_large_unary(stub: Any) -> None:
    assert (await stub.Unary(large())).body == bytes(314159)


async def test_client_streaming(stub: Any) -> None:
    call = stub.Upload()
    for size in SENT:
        await call.write(messages.UploadRequest(body=bytes(size)))
    await call.done_writing()
    assert (await call).size == 74922


async def test_server_streaming(stub: Any) -> None:
    call = stub.Download(messages.DownloadRequest(sizes=ASKED))
    assert [each.body async for each in call] == [bytes(size) for size in ASKED]


async def test_ping_pong(stub: Any) -> None:
    call = stub.Converse()
    for sent, asked in zip(SENT, ASKED, strict=True):
        await call.write(ping(sent, asked))
        assert (await call.read()).body == bytes(asked)
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_empty_stream(stub: Any) -> None:
    call = stub.Converse()
    await call.done_writing()
    assert [each async for each in call] == []
    assert await call.code() is grpc.StatusCode.OK


async def test_custom_metadata(stub: Any) -> None:
    metadata = ((ECHO_INITIAL, "test_initial_metadata_value"), (ECHO_TRAILING, b"\xab\xab\xab"))
    unary = stub.Unary(large(), metadata=metadata)
    await unary
    duplex = stub.Converse(metadata=metadata)
    await duplex.write(ping(271828, 314159))
    await duplex.done_writing()
    assert len((await duplex.read()).body) == 314159
    for call in unary, duplex:
        assert metadata[0] in tuple(await call.initial_metadata())
        assert metadata[1] in tuple(await call.trailing_metadata())


@pytest.mark.parametrize("message", ["test status message", SPECIAL], ids=["plain", "special"])
async def test_status_code_and_message(stub: Any, message: str) -> None:
    """With the special message, this is the case special_status_message."""
    status = messages.Status(code=2, message=message)
    unary = stub.Unary(messages.UnaryRequest(status=status))
    duplex = stub.Converse()
    await duplex.write(messages.ConverseRequest(status=status))
    await duplex.done_writing()
    for call in unary, duplex:
        assert await call.code() is grpc.StatusCode.UNKNOWN
        assert await call.details() == message


async def test_unimplemented_method(stub: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Missing(messages.EmptyRequest())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_unimplemented_service(peer: Peer) -> None:
    async with peer.channel(grpc.aio) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await services.AbsentStub(channel).Missing(messages.EmptyRequest())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_cancel_after_begin(stub: Any) -> None:
    call = stub.Upload()
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_cancel_after_first_response(stub: Any) -> None:
    call = stub.Converse()
    await call.write(ping(27182, 31415))
    assert len((await call.read()).body) == 31415
    assert call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_timeout_on_sleeping_server(stub: Any) -> None:
    """The server waits for a request, so that nothing but the deadline ends the call.

    Without the request of the other clients: a write of this one that meets the end of the call
    sets the status to INTERNAL, whatever the server has said.
    """
    call = stub.Converse(timeout=0.001)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_cacheable_unary(stub: Any) -> None:
    """As a plain call: no client of ours sends GET, which the protocol has since dropped."""
    metadata = (("x-user-ip", "1.2.3.4"),)
    request = messages.UnaryRequest(body=b"1234567890", response_size=10)
    assert await stub.Unary(request, metadata=metadata) == await stub.Unary(request)


async def test_rpc_soak(stub: Any) -> None:
    for _ in range(50):
        assert len((await stub.Unary(large())).body) == 314159


async def test_channel_soak(peer: Peer) -> None:
    for _ in range(10):
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with peer.channel(grpc.aio, options) as channel:
            assert len((await services.InteropStub(channel).Unary(large())).body) == 314159
