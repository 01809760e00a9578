"""Who does not read holds back its own stream, and nobody else; and nothing piles up in between.

All calls of a gateway to an endpoint share a connection: what one of them holds, another may lack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psutil
import pytest

from tests.conformance.gateway.front import Front
from tests.conformance.wire.frames import message
from tests.soak.client import Call, Client, connected
from tests.soak.form import LONG, TIMEOUT
from tests.soak.served import Served

pytestmark = pytest.mark.timeout(TIMEOUT, method="thread")

MIB = 1 << 20
BULK = (10 << 30) if LONG else 256 * MIB
PIECE = 64 * 1024
# Larger than any window, so that it is a message that is always under way.
LARGE = 4 * MIB
# Streams that nobody reads.
STALLED = 20
# Of a stream: what a side gives at first, and what may wait beside that.
WINDOW = MIB + 65536
# Buffers of sockets and transports, arenas that are not full.
OTHER = 24 * MIB
# What a window may be opened by at once, at most (RFC 9113, section 6.9).
MOST = (1 << 31) - 1 - 65535


@dataclass
class Scene:
    """A gateway before a server."""

    served: Served
    front: Front

    @property
    def rss(self) -> int:
        return int(psutil.Process(self.front.pid).memory_info().rss)


def gateway(port: int) -> Front:
    # A ping is a round trip to the client of these tests: there are many.
    options = {"grpc.http2.max_ping_strikes": 0}
    return Front({"": [f"127.0.0.1:{port}"]}, server_options=options)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Served("native") as served, gateway(served.port) as front:
        made = Scene(served, front)
        # What the first calls allocate is not theirs.
        with connected(front.port) as client:
            echo(client, 100)
            drain(client, download(client, 8 * MIB), 8 * MIB)
        yield made


def echo(client: Client, count: int) -> None:
    """So many calls one after another, each answered rightly."""
    for _ in range(count):
        (stream,) = client.begin(Call("Echo"))
        client.until_ended([stream])
        assert client.data.pop(stream) == len(message(b"hello"))


def download(client: Client, octets: int, size: int = PIECE) -> int:
    """The stream of an answer of so many octets, its windows open."""
    (stream,) = client.begin(Call("Pour", b"%d %d" % (size, octets // size)))
    client.grant(stream, MOST)
    return stream


def drain(
    client: Client,
    stream: int,
    octets: int,
    size: int = PIECE,
    each: Callable[[], object] = lambda: None,
) -> None:
    """Reads all of a download; `each` is called again and again meanwhile."""
    client.grant(0, MOST)
    granted = MOST
    reads = 0
    while stream not in client.ended:
        client.read()
        if granted - client.data.get(stream, 0) < MOST // 2:
            client.grant(0, MOST // 2)
            client.grant(stream, MOST // 2)
            granted += MOST // 2
        if (reads := reads + 1) % 64 == 0:
            each()
    assert client.data[stream] == octets // size * len(message(bytes(size)))


@pytest.mark.parametrize("size", [PIECE, LARGE], ids=["64 KiB", "4 MiB"])
def test_a_bulk_that_comes_down_passes_in_bounded_memory(scene: Scene, size: int) -> None:
    base, seen = scene.rss, [0]
    with connected(scene.front.port) as client:
        stream = download(client, BULK, size)
        drain(client, stream, BULK, size, lambda: seen.append(scene.rss - base))
    told = f"{BULK / MIB:.0f} MiB came down: RSS +{max(seen) / MIB:.1f} MiB at most"
    print(told)
    assert max(seen) < OTHER, told


def test_a_bulk_that_goes_up_passes_in_bounded_memory(scene: Scene) -> None:
    octets = BULK // 4
    base = scene.rss
    with connected(scene.front.port) as client:
        (stream,) = client.begin(Call("Swallow", None, end=False))
        client.upload(stream, bytes(PIECE), octets // PIECE)
        client.until_ended([stream])
        assert client.last == message(str(octets).encode())
        grown = scene.rss - base
    print(f"{octets / MIB:.0f} MiB went up: RSS +{grown / MIB:.1f} MiB")
    assert grown < OTHER


@pytest.mark.parametrize("shared", [True, False], ids=["same connection", "other connection"])
def test_small_calls_pass_beside_a_large_one(scene: Scene, shared: bool) -> None:
    """They do not wait for its end: far less of it has come when they are answered."""
    calls = 50
    with ExitStack() as stack:
        bulky = stack.enter_context(connected(scene.front.port))
        small = bulky if shared else stack.enter_context(connected(scene.front.port))
        large = download(bulky, BULK, LARGE)
        bulky.grant(0, BULK // 2)
        while bulky.data.get(large, 0) < LARGE:
            bulky.read()
        came = bulky.data[large]
        if shared:
            echo(small, calls)
        else:
            # One reads on while the other waits for its answers.
            for _ in range(calls):
                (stream,) = small.begin(Call("Echo"))
                bulky.read()
                small.until_ended([stream])
        came = bulky.data[large] - came
        print(f"{calls} small calls took as long as {came / MIB:.1f} MiB of the large one")
        assert large not in bulky.ended
        assert came < BULK // 2
        bulky.cancel([large])
        bulky.ping()


def test_clients_that_do_not_read_hold_back_nobody_else(scene: Scene) -> None:
    base = scene.rss
    with connected(scene.front.port) as deaf, connected(scene.front.port) as other:
        call = Call("Pour", b"%d %d" % (PIECE, (1 << 30) // PIECE))
        streams = deaf.begin(call, STALLED)
        deaf.ping()
        # Another client of the same endpoint, and so of the same connection to it.
        echo(other, 50)
        drain(other, download(other, 16 * MIB), 16 * MIB)
        held = scene.rss - base
        print(f"{STALLED} streams that nobody reads: RSS +{held / MIB:.1f} MiB")
        assert held < STALLED * WINDOW + OTHER
        # And another stream of the same client, once it reads on.
        deaf.grant(0, MOST)
        echo(deaf, 50)
        for stream in streams:
            deaf.grant(stream, 4 * MIB)
        while any(deaf.data.get(stream, 0) < 4 * MIB for stream in streams):
            deaf.read()
        deaf.cancel(streams)
        deaf.ping()
        echo(deaf, 1)


def test_servers_that_do_not_read_hold_back_nobody_else(scene: Scene) -> None:
    base = scene.rss
    with connected(scene.front.port) as pushing, connected(scene.front.port) as other:
        streams = pushing.begin(Call("Ignore", None, end=False), STALLED)
        taken = pushing.fill(streams, bytes(8000), 16 * MIB)
        held = scene.rss - base
        print(f"{taken / MIB:.1f} MiB taken that nobody reads: RSS +{held / MIB:.1f} MiB")
        # A window on each side.
        assert taken <= 2 * STALLED * WINDOW
        assert held < STALLED * WINDOW + OTHER
        echo(other, 50)
        (stream,) = other.begin(Call("Swallow", None, end=False))
        other.upload(stream, bytes(PIECE), 16 * MIB // PIECE)
        other.until_ended([stream])
        assert other.last == message(str(16 * MIB).encode())
        pushing.cancel(streams)
        pushing.ping()
        echo(pushing, 1)


def test_what_was_held_is_given_back(scene: Scene) -> None:
    """A round of stalled streams after another leaves no more than the first."""

    def stalled() -> int:
        with connected(scene.front.port) as client:
            client.begin(Call("Pour", b"%d %d" % (PIECE, (1 << 30) // PIECE)), STALLED)
            client.begin(Call("Ignore", None, end=False), STALLED)
            client.ping()
            time.sleep(0.1)
        with connected(scene.front.port) as client:
            echo(client, 1)
        return scene.rss

    weights = [stalled() for _ in range(6)]
    told = " ".join(f"{weight / MIB:.1f}" for weight in weights)
    print(f"RSS after each round, in MiB: {told}")
    assert min(weights[-2:]) - weights[0] < 8 * MIB, told
