"""The peers of this environment serve the contract."""

from __future__ import annotations

import os

import grpc
import pytest

from benchmarks.echo.v1 import echo_pb2, echo_pb2_grpc
from benchmarks.peers import grpc_aio, grpc_sync, native
from benchmarks.peers.echo import EchoPeer


@pytest.mark.parametrize(
    "peer", [native.PEER, grpc_aio.PEER, grpc_sync.PEER], ids=lambda peer: peer.key
)
def test_every_call_is_answered(peer: EchoPeer) -> None:
    large = bytes(5 << 20)
    with (
        peer.start(os.sched_getaffinity(0)) as running,
        grpc.insecure_channel(
            running.address, [("grpc.max_receive_message_length", -1)]
        ) as channel,
    ):
        stub = echo_pb2_grpc.EchoServiceStub(channel)  # type: ignore[no-untyped-call]
        # Above the default limit of 4 MiB.
        assert stub.Echo(echo_pb2.EchoRequest(payload=large)).payload == large
        streamed = stub.Stream(echo_pb2.StreamRequest(count=3, size=7))
        assert [message.payload for message in streamed] == [bytes(7)] * 3
        sent = [echo_pb2.ConverseRequest(payload=bytes([byte])) for byte in range(3)]
        answers = stub.Converse(iter(sent))
        assert [message.payload for message in answers] == [m.payload for m in sent]
