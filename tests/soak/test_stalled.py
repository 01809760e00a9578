"""Peers that do not read: what they make a server hold is bounded, and given back.

The bounds are those that docs/rpc.md states. MESSAGES of a stream that nobody reads: its writer is
held when it has more than a buffer's worth unsent, so that there is one, and, once a window has
opened a little, the rest of one and the next. The C-core holds as much.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from tests.soak.client import Call, Client, connected
from tests.soak.served import Served

MIB = 1 << 20
STREAMS = 100
MESSAGES = 2
# Beside messages: buffers of sockets and transports, objects of 100 calls and connections.
OTHER = 32 * MIB
# Of a stream, in its windows: what it is given at first, and what it may hold unread beside that.
WINDOW = MIB + 65536


def settled(served: Served) -> int:
    """The RSS, when it has come to rest; how fast is no matter."""
    last = -1
    while abs((now := served.rss) - last) > MIB // 4:
        last = now
        time.sleep(0.3)
    return now


def total(clients: list[Client]) -> int:
    return sum(sum(client.data.values()) for client in clients)


@pytest.mark.parametrize("size", [MIB, MIB // 16], ids=["1 MiB", "64 KiB"])
@pytest.mark.parametrize("connections", [1, STREAMS])
def test_stalled_readers_of_a_gibibyte_each(served: Served, connections: int, size: int):
    each = STREAMS // connections
    before = served.facts()
    base = settled(served)
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(served.port)) for _ in range(connections)]
        call = Call("Pour", b"%d %d" % (size, (1 << 30) // size))
        streams = [client.begin(call, each) for client in clients]
        for client in clients:
            client.ping()
        stalled = settled(served) - base

        more = 4 * MIB
        for client, ids in zip(clients, streams, strict=True):
            client.grant(0, each * more)
            for stream in ids:
                client.grant(stream, more)
        # As much as was granted comes, and on each stream.
        for client, ids in zip(clients, streams, strict=True):
            while sum(client.data.values()) < each * more:
                client.read()
            assert all(client.data[stream] >= MIB for stream in ids)
        again = settled(served) - base

        for client, ids in zip(clients, streams, strict=True):
            client.cancel(ids)
            client.ping()
    served.settles(before)
    after = settled(served) - base
    print(
        f"{STREAMS} stalled streams on {connections} connections, messages of {size >> 10} KiB:"
        f" MiB held {stalled / MIB:.1f}, after {total(clients) / MIB:.0f} MiB were read"
        f" {again / MIB:.1f}, at the end {after / MIB:.1f}"
    )
    assert stalled < MESSAGES * STREAMS * size + OTHER
    assert again < MESSAGES * STREAMS * size + OTHER
    assert after < OTHER


# The small ones are many objects, or nothing at all by their bytes.
@pytest.mark.parametrize("size", [8000, 1, 0])
def test_handlers_that_do_not_read(served: Served, size: int):
    before = served.facts()
    base = settled(served)
    with connected(served.port) as client:
        streams = client.begin(Call("Ignore", None, end=False), STREAMS)
        taken = client.fill(streams, bytes(size), 4 * MIB)
        held = settled(served) - base
        client.cancel(streams)
        client.ping()
    served.settles(before)
    after = settled(served) - base
    print(
        f"{STREAMS} streams that no handler reads: took {taken / MIB:.1f} MiB,"
        f" MiB held {held / MIB:.1f}, at the end {after / MIB:.1f}"
    )
    assert taken <= STREAMS * WINDOW
    assert held < STREAMS * WINDOW + OTHER
    assert after < OTHER
