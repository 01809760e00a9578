"""gRPC's interop cases with the stock blocking client, each test under the name of its case."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.conformance.interop.conftest import Peer
from tests.conformance.interop.contract import ECHO_INITIAL, ECHO_TRAILING, messages, services
from tests.conformance.interop.test_grpcio_aio import ASKED, SENT, SPECIAL, large, ping


class Outgoing:
    """Requests that a test puts while the call runs; iteration ends at half-close."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def put(self, request: Any) -> None:
        self._queue.put(request)

    def half_close(self) -> None:
        self._queue.put(None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._queue.get, None)


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    made = Outgoing()
    yield made
    # The thread of grpc that iterates ends with the iterator, not with the call.
    made.half_close()


@pytest.fixture
def stub(peer: Peer) -> Iterator[Any]:
    with peer.channel(grpc) as channel:
        yield services.InteropStub(channel)


def test_empty_unary(stub: Any) -> None:
    assert stub.Empty(messages.EmptyRequest()) == messages.EmptyResponse()


def test_large_unary(stub: Any) -> None:
    assert stub.Unary(large()).body == bytes(314159)


def test_client_streaming(stub: Any) -> None:
    requests = (messages.UploadRequest(body=bytes(size)) for size in SENT)
    assert stub.Upload(requests).size == 74922


def test_server_streaming(stub: Any) -> None:
    call = stub.Download(messages.DownloadRequest(sizes=ASKED))
    assert [each.body for each in call] == [bytes(size) for size in ASKED]


def test_ping_pong(stub: Any, outgoing: Outgoing) -> None:
    call = stub.Converse(iter(outgoing))
    for sent, asked in zip(SENT, ASKED, strict=True):
        outgoing.put(ping(sent, asked))
        assert next(call).body == bytes(asked)
    outgoing.half_close()
    assert list(call) == []
    assert call.code() is grpc.StatusCode.OK


def test_empty_stream(stub: Any) -> None:
    call = stub.Converse(iter(()))
    assert list(call) == []
    assert call.code() is grpc.StatusCode.OK


def test_custom_metadata(stub: Any) -> None:
    metadata = ((ECHO_INITIAL, "test_initial_metadata_value"), (ECHO_TRAILING, b"\xab\xab\xab"))
    _, unary = stub.Unary.with_call(large(), metadata=metadata)
    duplex = stub.Converse(iter([ping(271828, 314159)]), metadata=metadata)
    assert [len(each.body) for each in duplex] == [314159]
    for call in unary, duplex:
        assert metadata[0] in call.initial_metadata()
        assert metadata[1] in call.trailing_metadata()


@pytest.mark.parametrize("message", ["test status message", SPECIAL], ids=["plain", "special"])
def test_status_code_and_message(stub: Any, message: str) -> None:
    """With the special message, this is the case special_status_message."""
    status = messages.Status(code=2, message=message)
    with pytest.raises(grpc.RpcError) as unary:
        stub.Unary(messages.UnaryRequest(status=status))
    with pytest.raises(grpc.RpcError) as duplex:
        next(stub.Converse(iter([messages.ConverseRequest(status=status)])))
    for caught in unary, duplex:
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.UNKNOWN
        assert error.details() == message


def test_unimplemented_method(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Missing(messages.EmptyRequest())
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_unimplemented_service(peer: Peer) -> None:
    with peer.channel(grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        services.AbsentStub(channel).Missing(messages.EmptyRequest())
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_cancel_after_begin(stub: Any, outgoing: Outgoing) -> None:
    call = stub.Upload.future(iter(outgoing))
    assert call.cancel()
    assert call.cancelled()
    assert call.code() is grpc.StatusCode.CANCELLED


def test_cancel_after_first_response(stub: Any, outgoing: Outgoing) -> None:
    call = stub.Converse(iter(outgoing))
    outgoing.put(ping(27182, 31415))
    assert len(next(call).body) == 31415
    assert call.cancel()
    with pytest.raises(grpc.RpcError) as caught:
        next(call)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.CANCELLED


def test_timeout_on_sleeping_server(stub: Any, outgoing: Outgoing) -> None:
    """The server waits for a second request, so that nothing but the deadline ends the call."""
    outgoing.put(messages.ConverseRequest(body=bytes(27182)))
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.Converse(iter(outgoing), timeout=0.001))
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_cacheable_unary(stub: Any) -> None:
    """As a plain call: no client of ours sends GET, which the protocol has since dropped."""
    request = messages.UnaryRequest(body=b"1234567890", response_size=10)
    assert stub.Unary(request, metadata=(("x-user-ip", "1.2.3.4"),)) == stub.Unary(request)


def test_rpc_soak(stub: Any) -> None:
    for _ in range(50):
        assert len(stub.Unary(large()).body) == 314159


def test_channel_soak(peer: Peer) -> None:
    for _ in range(10):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with peer.channel(grpc, options) as channel:
            assert len(services.InteropStub(channel).Unary(large()).body) == 314159
