"""gRPC's compression cases with the stock clients of Python and Node.js.

They ask a servicer whether a message came compressed, and a client too: neither is told by any of
these libraries, so that a tap on the connection says it for both. Each case ends with the flags
that have passed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.conformance.conftest import REFERENCE
from tests.conformance.gateway.front import Front
from tests.conformance.interop.compressed import STYLES
from tests.conformance.interop.conftest import ROOT
from tests.conformance.interop.contract import PROTO, messages, services

OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
ALGORITHMS = [grpc.Compression.Gzip, grpc.Compression.Deflate]
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
# A client in Python cannot except a message from compression; but it sends as it is what would not
# become smaller.
NOISE = os.urandom(45904)
YES, NO = True, False


class Peer:
    """A server behind a tap; it may be reached through a gateway."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asks, self._says = process.stdin, process.stdout
        self._before: list[int] = [0, 0]
        self.address = f"127.0.0.1:{self._says.readline().strip()}"

    def begin(self) -> None:
        """What has passed is forgotten."""
        self._before = [len(flags) for flags in self._all()]

    def passed(self) -> tuple[list[bool], list[bool]]:
        """The flags of the requests, and of the answers."""
        requests, answers = self._all()
        return requests[self._before[0] :], answers[self._before[1] :]

    def _all(self) -> list[list[bool]]:
        self._asks.write("\n")
        self._asks.flush()
        flags: list[list[bool]] = json.loads(self._says.readline())
        return flags


@contextmanager
def tapped(engine: str, style: str) -> Iterator[Peer]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.interop.serve_compressed", engine, style],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Peer(process)
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def fronted() -> Iterator[Callable[[str], Peer]]:
    """fronted(engine): a server behind a gateway, which has one connection to the tap."""
    peers: dict[str, Peer] = {}
    with ExitStack() as stack:

        def peer(engine: str) -> Peer:
            if engine not in peers:
                made = peers[engine] = stack.enter_context(tapped(engine, "coroutines"))
                front = Front({"": [made.address]})
                made.address = stack.enter_context(front).address
            return peers[engine]

        yield peer


@pytest.fixture(params=[*STYLES, "gateway"])
def peer(
    engine: str, fronted: Callable[[str], Peer], request: pytest.FixtureRequest
) -> Iterator[Peer]:
    """A server of each engine and style for one test, and one behind a gateway."""
    if request.param == "gateway":
        made = fronted(engine)
        made.begin()
        yield made
    else:
        with tapped(engine, request.param) as made:
            yield made


@pytest.fixture
def stub(peer: Peer) -> Iterator[Any]:
    with grpc.insecure_channel(peer.address, options=OPTIONS) as channel:
        yield services.InteropStub(channel)


@pytest.fixture
async def aio(peer: Peer) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(peer.address, options=OPTIONS) as channel:
        yield services.InteropStub(channel)


def large(**given: bool) -> Any:
    return messages.UnaryRequest(response_size=314159, body=bytes(271828), **given)


def uploads() -> list[Any]:
    """One that is compressed, and one that is not."""
    return [
        messages.UploadRequest(body=bytes(27182), expect_compressed=True),
        messages.UploadRequest(body=NOISE),
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_client_compressed_unary(peer: Peer, stub: Any, algorithm: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Unary(large(expect_compressed=True))
    error: Any = caught.value
    assert error.code() is INVALID_ARGUMENT
    compressed = stub.Unary(large(expect_compressed=True), compression=algorithm)
    assert compressed.body == bytes(314159)
    assert stub.Unary(large()).body == bytes(314159)
    assert peer.passed() == ([NO, YES, NO], [NO, NO])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_client_compressed_unary_aio(peer: Peer, aio: Any, algorithm: Any) -> None:
    assert await aio.Unary(large(expect_compressed=True)).code() is INVALID_ARGUMENT
    compressed = await aio.Unary(large(expect_compressed=True), compression=algorithm)
    assert compressed.body == bytes(314159)
    assert (await aio.Unary(large())).body == bytes(314159)
    assert peer.passed() == ([NO, YES, NO], [NO, NO])


def test_server_compressed_unary(peer: Peer, stub: Any) -> None:
    for compressed in YES, NO:
        assert stub.Unary(large(response_compressed=compressed)).body == bytes(314159)
    assert peer.passed() == ([NO, NO], [YES, NO])


async def test_server_compressed_unary_aio(peer: Peer, aio: Any) -> None:
    for compressed in YES, NO:
        assert (await aio.Unary(large(response_compressed=compressed))).body == bytes(314159)
    assert peer.passed() == ([NO, NO], [YES, NO])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_client_compressed_streaming(peer: Peer, stub: Any, algorithm: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Upload(iter(uploads()[:1]))
    error: Any = caught.value
    assert error.code() is INVALID_ARGUMENT
    assert stub.Upload(iter(uploads()), compression=algorithm).size == 73086
    assert peer.passed() == ([NO, YES, NO], [NO])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_client_compressed_streaming_aio(peer: Peer, aio: Any, algorithm: Any) -> None:
    assert await aio.Upload(iter(uploads()[:1])).code() is INVALID_ARGUMENT
    assert (await aio.Upload(iter(uploads()), compression=algorithm)).size == 73086
    assert peer.passed() == ([NO, YES, NO], [NO])


def test_server_compressed_streaming(peer: Peer, stub: Any) -> None:
    asked = messages.DownloadRequest(sizes=[31415, 92653], compressed=[True, False])
    assert [each.body for each in stub.Download(asked)] == [bytes(31415), bytes(92653)]
    assert peer.passed() == ([NO], [YES, NO])


async def test_server_compressed_streaming_aio(peer: Peer, aio: Any) -> None:
    asked = messages.DownloadRequest(sizes=[31415, 92653], compressed=[True, False])
    assert [each.body async for each in aio.Download(asked)] == [bytes(31415), bytes(92653)]
    assert peer.passed() == ([NO], [YES, NO])


# With which flags the cases of Node.js are to pass, all of them together.
NODE_CASES = {
    "client_compressed_unary": ([NO, YES, YES, NO], [NO, NO, NO]),
    "server_compressed_unary": ([NO, NO], [YES, NO]),
    "client_compressed_streaming": ([NO, YES, NO], [NO]),
    "server_compressed_streaming": ([NO], [YES, NO]),
    "client_compressed_again": ([YES] * 3, [NO] * 3),
}


def test_grpc_js(peer: Peer, client: Path, engine: str) -> None:
    done = subprocess.run(
        ["node", str(client), peer.address, str(PROTO), "compression"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = (line.split(" ", 1) for line in done.stdout.splitlines())
    wrong = {name: json.loads(what) for name, what in lines}
    passed = dict(NODE_CASES)
    if engine == REFERENCE:
        # What it says that it accepts, grpc-js does not understand, and so compresses once.
        assert "INVALID_ARGUMENT" in wrong["client_compressed_again"]
        wrong["client_compressed_again"] = None
        passed["client_compressed_again"] = ([YES, NO], [NO])
    assert wrong == dict.fromkeys(passed)
    requests, answers = peer.passed()
    # Of several connections, whose order is not that of the calls.
    assert sorted(requests) == sorted(flag for sent, _ in passed.values() for flag in sent)
    assert sorted(answers) == sorted(flag for _, came in passed.values() for flag in came)
