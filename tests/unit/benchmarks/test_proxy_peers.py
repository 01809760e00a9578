"""The proxies, and the backend behind them, serve the contract as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import grpc
import psutil
import pytest

from benchmarks.echo.v1 import echo_pb2, echo_pb2_grpc
from benchmarks.install import Missing
from benchmarks.peers import Running, backend, haproxy
from benchmarks.peers.proxy import Before, Proxy
from benchmarks.process import NotReady
from benchmarks.proxies import PROXIES

CPUS = os.sched_getaffinity(0)
# Processes that serve, and their parents.
PROCESSES = {"nghttpx": 2, "haproxy": 1, "nginx": 2, "envoy": 1}


@pytest.fixture(scope="module")
def behind() -> Iterator[Running]:
    with backend.PEER.start(CPUS) as running:
        yield running


def before(proxy: Proxy | None, behind: Running) -> Before:
    if proxy is None:
        return Before("direct", None, behind)
    try:
        proxy.tool()
    except Missing as missing:
        pytest.skip(str(missing))
    return Before(proxy.name, proxy, behind)


@pytest.mark.parametrize("proxy", [None, *PROXIES], ids=lambda proxy: proxy and proxy.key)
def test_every_call_is_answered(proxy: Proxy | None, behind: Running) -> None:
    # Above the windows of all, and above the default limit of 4 MiB.
    large = bytes(5 << 20)
    options = [("grpc.max_receive_message_length", -1)]
    with (
        before(proxy, behind).start(CPUS) as running,
        grpc.insecure_channel(running.address, options) as channel,
    ):
        stub = echo_pb2_grpc.EchoServiceStub(channel)  # type: ignore[no-untyped-call]
        assert stub.Echo(echo_pb2.EchoRequest(payload=large)).payload == large
        for count, size in ((300, 7), (1, len(large))):
            streamed = stub.Stream(echo_pb2.StreamRequest(count=count, size=size))
            assert [message.payload for message in streamed] == [bytes(size)] * count
        with pytest.raises(grpc.RpcError) as raised:
            stub.Converse(iter([])).__next__()
        # The backend has no such method, and a proxy leaves what it says alone.
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.key)
def test_all_processes_are_measured_and_end(proxy: Proxy, behind: Running) -> None:
    with before(proxy, behind).start(CPUS) as running:
        pids = [pid for pids in running.processes.values() for pid in pids]
        assert len(pids) == PROCESSES.get(proxy.key, len(pids))
        parent = psutil.Process(pids[-1] if proxy.key == "tercet" else pids[0])
        children = {child.pid for child in parent.children(recursive=True)}
        assert set(pids) == {parent.pid, *children}
        assert list(running.behind) == list(behind.processes["server"])
        served = [psutil.Process(pid) for pid in pids]
    # nghttpx's worker ends once it sees that its parent has.
    assert psutil.wait_procs(served, timeout=20)[1] == []


def test_one_that_refuses_its_configuration_tells_why(behind: Running) -> None:
    before(haproxy.PROXY, behind)
    broken = replace(haproxy.PROXY, command=lambda path, route: [path, "-f", "/nowhere"])
    with pytest.raises(NotReady, match="nowhere"), broken.serve(1, CPUS):
        pytest.fail("it was never ready")
