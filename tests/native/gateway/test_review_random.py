"""Calls with all kinds of ends, mixed at random: nothing is left of them."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tercet.gateway._endpoint import Endpoint
from tests.conformance.wire import frames
from tests.conformance.wire.frames import END_STREAM, PADDED, Frame
from tests.native.gateway.stage import (
    HEAD,
    OK,
    REQUEST,
    Peer,
    Stage,
    data,
    goaway,
    headers,
    reset,
    window,
)

INITIAL = 65535
CODES = [0, 1, 2, 7, 7, 7, 8, 8, 11, 13]


class Side:
    """A peer, with what it may send and has to give back."""

    def __init__(self, peer: Peer, *, stream_window: int) -> None:
        self.peer = peer
        self.stream_window = stream_window
        self.sent: dict[int, int] = {}
        self.total = 0
        self.credited: dict[int, int] = {}
        self.credit_total = 0
        # Streams whose answers have begun, and those that are over.
        self.begun: set[int] = set()
        self.over: set[int] = set()

    def room(self, stream: int) -> int:
        connection = INITIAL + self.peer.granted(0) - self.total
        own = self.stream_window + self.peer.granted(stream) - self.sent.get(stream, 0)
        return min(connection, own, 16384)

    def data(
        self, stream: int, size: int, rng: random.Random | None = None, *, end: bool = False
    ) -> None:
        size = min(size, self.room(stream))
        pad = rng.choice([0, 0, 0, 1, 200]) if rng and size > 300 else 0
        if pad:
            payload = bytes([pad - 1]) + bytes(size - pad) + bytes(pad - 1)
            frame = Frame(frames.DATA, PADDED | (END_STREAM if end else 0), stream, payload)
        else:
            frame = data(stream, bytes(size), end=end)
        self.sent[stream] = self.sent.get(stream, 0) + size
        self.total += size
        self.peer.send(frame)

    def grant(self, rng: random.Random | None = None) -> None:
        """Gives back what has been received; a part of it, if by chance."""
        total = 0
        for stream, answer in list(self.peer.streams.items()):
            total += len(answer.data)
            due = len(answer.data) - self.credited.get(stream, 0)
            if (
                due
                and not answer.ended
                and answer.reset is None
                and (rng is None or rng.random() < 0.5)
            ):
                self.credited[stream] = len(answer.data)
                self.peer.send(window(stream, due))
        if total > self.credit_total:
            self.peer.send(window(0, total - self.credit_total))
            self.credit_total = total


class Theatre:
    def __init__(self, seed: int, *, concurrency: int) -> None:
        self.rng = random.Random(seed)
        self.stage = Stage(concurrency=concurrency, queue=8, window=100_000)
        self.ends = [self.stage.endpoint(f"unix:/{n}") for n in range(2)]
        self.sides = {
            each.identity: Side(self.stage.peer(each), stream_window=100_000) for each in self.ends
        }
        self.old: list[Side] = []
        self.client = Side(self.stage.client(), stream_window=1 << 20)
        self.next = 1
        # Streams of the client on which it has not ended its request.
        self.sending: set[int] = set()
        self.mine: set[int] = set()

    async def settle(self) -> None:
        for side in [*self.sides.values(), *self.old, self.client]:
            await side.peer.settle()

    def open(self) -> None:
        rng = self.rng
        fields = list(REQUEST)
        kind = rng.random()
        if kind < 0.05:
            fields[4] = (b"content-type", b"text/plain")
        elif kind < 0.1:
            fields.append((b"grpc-timeout", b"zzz"))
        elif kind < 0.3:
            fields.append((b"grpc-timeout", b"%dm" % rng.choice([0, 1, 5, 20])))
        elif kind < 0.35:
            fields.append((b"grpc-timeout", b"99999999H"))
        fields += [(b"x%d" % n, b"y" * rng.choice([1, 30])) for n in range(rng.choice([0, 3, 20]))]
        stream, self.next = self.next, self.next + 2
        end = rng.random() < 0.2
        self.mine.add(stream)
        self.client.peer.send(headers(stream, fields, end=end))
        if not end:
            self.sending.add(stream)

    def client_acts(self) -> None:
        rng = self.rng
        for stream in list(self.mine):
            seen = self.client.peer.of(stream)
            if seen.ended or seen.reset is not None:
                self.sending.discard(stream)
                self.mine.discard(stream)
                continue
            act = rng.random()
            if act < 0.08:
                self.client.peer.send(reset(stream, rng.choice([0, 8, 8, 2])))
                self.sending.discard(stream)
                self.mine.discard(stream)
            elif stream in self.sending and act < 0.7:
                end = rng.random() < 0.3
                self.client.data(stream, rng.choice([0, 5, 1000, 16384]), rng, end=end)
                if end:
                    self.sending.discard(stream)
        if rng.random() < 0.6:
            self.client.grant(rng)
        act = rng.random()
        if act < 0.05:
            self.client.peer.protocol.pause_writing()
        elif act < 0.3:
            self.client.peer.protocol.resume_writing()

    def worker_acts(self, endpoint: Endpoint) -> None:
        rng = self.rng
        side = self.sides[endpoint.identity]
        self.answers(side)
        act = rng.random()
        if act < 0.02:
            side.peer.hang_up(OSError(104, "reset"))
            self.renew(endpoint)
        elif act < 0.05:
            last = rng.choice([0, max(side.peer.streams, default=0), 1])
            side.peer.send(goaway(last))
            self.old.append(side)
            self.renew(endpoint)
        elif act < 0.06:
            side.peer.send(Frame(frames.PING, 0, 1, bytes(8)))
            self.old.append(side)
            self.renew(endpoint)
        elif act < 0.1:
            endpoint.drained = not endpoint.drained
            self.stage.upstream.changed()
        elif act < 0.12:
            side.peer.protocol.pause_writing()
        elif act < 0.3:
            side.peer.protocol.resume_writing()

    def renew(self, endpoint: Endpoint) -> None:
        peer = self.stage.worker(endpoint)
        endpoint.attach(peer.protocol)
        self.stage.upstream.changed()
        self.sides[endpoint.identity] = Side(peer, stream_window=100_000)

    def answers(self, side: Side) -> None:
        rng = self.rng
        if side.peer.transport.closed:
            return
        begun, over = side.begun, side.over
        for stream, seen in list(side.peer.streams.items()):
            if seen.reset is not None or stream in over or not seen.blocks:
                continue
            act = rng.random()
            if act < 0.1:
                side.peer.send(reset(stream, rng.choice(CODES)))
                over.add(stream)
            elif act < 0.15 and stream not in begun:
                side.peer.send(headers(stream, HEAD + OK, end=True))
                over.add(stream)
            elif act < 0.2:
                side.peer.send(headers(stream, HEAD if stream not in begun else OK, end=True))
                over.add(stream)
            elif act < 0.22 and stream not in begun:
                side.peer.send(headers(stream, [(b":status", b"103"), (b"link", b"x")]))
            elif act < 0.25:
                fields = [*(HEAD if stream not in begun else OK), (b"x", b"y" * 5000)]
                side.peer.send(headers(stream, fields, end=True))
                over.add(stream)
            elif act < 0.45 and stream not in begun:
                side.peer.send(headers(stream, HEAD))
                begun.add(stream)
            elif act < 0.8 and stream in begun:
                side.data(stream, rng.choice([0, 10, 3000, 16384]), rng)
            elif act < 0.9 and stream in begun:
                side.peer.send(headers(stream, OK, end=True))
                over.add(stream)
        if rng.random() < 0.6:
            side.grant(rng)

    async def end(self) -> None:
        """Everybody does what is right."""
        for endpoint in self.ends:
            endpoint.drained = False
        self.stage.upstream.changed()
        self.client.peer.protocol.resume_writing()
        for _ in range(60):
            for side in [*self.sides.values(), *self.old]:
                if side.peer.transport.closed:
                    continue
                side.peer.protocol.resume_writing()
                await side.peer.settle()
                side.grant()
                begun, over = side.begun, side.over
                for stream, seen in list(side.peer.streams.items()):
                    if seen.reset is None and stream not in over and seen.blocks and seen.ended:
                        if stream not in begun:
                            side.peer.send(headers(stream, HEAD))
                        side.peer.send(headers(stream, OK, end=True))
                        over.add(stream)
            for stream in list(self.sending):
                seen = self.client.peer.of(stream)
                if seen.reset is None and not seen.ended:
                    self.client.data(stream, 0, self.rng, end=True)
                self.sending.discard(stream)
            await self.client.peer.settle()
            self.client.grant()
            await self.settle()


def state(theatre: Theatre) -> dict[str, Any]:
    stage, client = theatre.stage, theatre.client.peer
    core = client.protocol.core
    lanes = [side.peer.protocol for side in [*theatre.sides.values(), *theatre.old]]
    return {
        "route": stage.route.in_flight,
        "endpoints": sum(each.in_flight for each in theatre.ends),
        "totals": sum(each.total_in_flight for each in theatre.ends),
        "waiting": stage.upstream.waiting,
        "wheel": len(stage.plane.wheel),
        "ledger": stage.ledger.snapshot()["calls_running"],
        "front": core.open_streams,
        "unsent": core.unsent,
        "settled": core.settled,
        "lanes": sum(lane.open_calls for lane in lanes),
        "unanswered": sum(not client.of(stream).closed for stream in theatre.mine),
    }


@pytest.mark.parametrize("seed", range(25))
async def test_nothing_is_left(seed: int) -> None:
    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    theatre = Theatre(seed, concurrency=seed % 3)
    await theatre.settle()
    for _ in range(150):
        if len(theatre.mine) < 12 and theatre.rng.random() < 0.8:
            theatre.open()
        theatre.client_acts()
        for endpoint in theatre.ends:
            theatre.worker_acts(endpoint)
        for side in theatre.old:
            theatre.answers(side)
        if theatre.rng.random() < 0.5:
            await theatre.settle()
        if theatre.rng.random() < 0.05:
            await asyncio.sleep(0.01)
    await theatre.end()
    await asyncio.sleep(0.05)
    await theatre.end()
    assert not faults
    assert not {name: count for name, count in state(theatre).items() if count}
    await whole_window(theatre)


async def whole_window(theatre: Theatre) -> None:
    """What the connection was given back is what it has sent, but for what one stream holds."""
    client = theatre.client
    for endpoint in theatre.ends:
        theatre.renew(endpoint)
        await theatre.sides[endpoint.identity].peer.settle()
        theatre.sides[endpoint.identity].peer.send(window(0, 1 << 30))
    kept, other = theatre.next, theatre.next + 2
    client.peer.send(
        headers(kept, [*REQUEST, (b"n", b"kept")]), headers(other, [*REQUEST, (b"n", b"other")])
    )
    await theatre.settle()
    lanes = {}
    for side in theatre.sides.values():
        for stream, seen in side.peer.streams.items():
            lanes[dict(seen.blocks[0])["n"]] = (side.peer, stream)
    # Nobody gives back anything for it: at most its first window is taken.
    parked = 0
    for _ in range(20):
        client.data(kept, 16384)
        parked += 16384
    await theatre.settle()
    peer, stream = lanes["kept"]
    unconsumed = parked - len(peer.of(stream).data)
    assert unconsumed > 200_000
    peer, stream = lanes["other"]
    peer.send(window(stream, 1 << 30))
    before = client.peer.granted(0)
    connection = before - ((64 << 20) - INITIAL)
    count = 0
    while client.peer.granted(0) == before:
        count += 1
        assert count < 5000, "the connection's window leaks"
        assert client.room(other) > 0, "stalled"
        client.data(other, 16384)
        if client.total - connection > (31 << 20) or count % 16 == 0:
            await theatre.settle()
            peer.of(stream).data = b""
            peer.of(stream).frames.clear()
    assert client.peer.granted(0) - ((64 << 20) - INITIAL) == client.total - unconsumed
