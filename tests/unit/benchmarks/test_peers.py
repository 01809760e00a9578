"""The peers of this environment serve the contract."""

from __future__ import annotations

import os

import grpc
import psutil
import pytest

from benchmarks import certificates
from benchmarks.echo.v1 import echo_pb2, echo_pb2_grpc
from benchmarks.install import Missing
from benchmarks.peers import Running, grpc_aio, grpc_sync, native, nginx
from benchmarks.peers.echo import EchoPeer


def channel(peer: EchoPeer, running: Running) -> grpc.Channel:
    options = [("grpc.max_receive_message_length", -1)]
    if not peer.tls:
        return grpc.insecure_channel(running.address, options)
    roots = (certificates.folder() / "roots.pem").read_bytes()
    return grpc.secure_channel(running.address, grpc.ssl_channel_credentials(roots), options)


PEERS = [
    native.PEER,
    grpc_aio.PEER,
    grpc_sync.PEER,
    native.SECURED,
    grpc_aio.SECURED,
    nginx.PEER,
]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.key)
def test_every_call_is_answered(peer: EchoPeer) -> None:
    try:
        peer.program()
    except Missing as missing:
        pytest.skip(str(missing))
    large = bytes(5 << 20)
    with peer.start(os.sched_getaffinity(0)) as running, channel(peer, running) as to:
        stub = echo_pb2_grpc.EchoServiceStub(to)  # type: ignore[no-untyped-call]
        # Above the default limit of 4 MiB.
        assert stub.Echo(echo_pb2.EchoRequest(payload=large)).payload == large
        streamed = stub.Stream(echo_pb2.StreamRequest(count=3, size=7))
        assert [message.payload for message in streamed] == [bytes(7)] * 3
        sent = [echo_pb2.ConverseRequest(payload=bytes([byte])) for byte in range(3)]
        answers = stub.Converse(iter(sent))
        assert [message.payload for message in answers] == [m.payload for m in sent]


def test_of_nginx_and_what_is_behind_it_all_processes_are_measured() -> None:
    try:
        nginx.PEER.program()
    except Missing as missing:
        pytest.skip(str(missing))
    with nginx.PEER.start(os.sched_getaffinity(0)) as running:
        # Its master and its worker.
        assert (len(running.processes["server"]), len(running.processes["nginx"])) == (1, 2)
        names = {psutil.Process(pid).name() for pid in running.processes["nginx"]}
        assert names == {"nginx"}
    assert not any(map(psutil.pid_exists, running.processes["nginx"]))
