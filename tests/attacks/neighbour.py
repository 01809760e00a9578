"""A client that does nothing wrong: `python -m tests.attacks.neighbour PORT`.

For each line of its stdin it makes calls for so many seconds, a new one for each that is answered,
and prints how that went as JSON. Its connections are the same from first to last.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from typing import cast

import uvloop

from tests.attacks import cores
from tests.attacks.calls import REPEATED, calls, opening, request, window_update
from tests.conformance.wire import frames
from tests.conformance.wire.frames import ACK, END_HEADERS, END_STREAM, Frame

CONNECTIONS = 2
# Calls at once on each. Enough to keep the server busy, and few enough to see how long one takes.
IN_FLIGHT = 4
MESSAGE = b"neighbour"
ANSWER = frames.message(MESSAGE)
# For all the messages that it will ever receive.
WINDOW = 1 << 30
# Seconds after which a call counts as lost.
LOST = 10.0


class Neighbour(asyncio.Protocol):
    """One connection.

    Attributes:
        running: Whether an answer is followed by the next call.
        latencies: Of the calls that went well, in seconds.
        failed: Calls that did not: an answer other than the one message, or none.
        open: When each of the calls that are under way began.
    """

    def __init__(self) -> None:
        self.running = False
        self.latencies: list[float] = []
        self.failed = 0
        self.open: dict[int, float] = {}
        self._well: set[int] = set()
        self._next = 3
        self._unread = b""
        sent = [
            Frame(frames.HEADERS, END_HEADERS, 0, REPEATED).encode(),
            request(MESSAGE).encode(),
        ]
        self._pieces = [sent[0][:5], sent[0][9:] + sent[1][:5], sent[1][9:]]

    def begin(self, count: int) -> None:
        now = time.perf_counter()
        sent = []
        for _ in range(count):
            sent.append(struct.pack("!I", self._next).join(self._pieces))
            self.open[self._next] = now
            self._next += 2
        self._transport.write(b"".join(sent))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            opening() + window_update(0, WINDOW).encode() + calls("Echo", request(MESSAGE))
        )
        self.open[1] = time.perf_counter()

    def connection_lost(self, error: Exception | None) -> None:
        self.failed += max(1, len(self.open))
        self.open.clear()
        self.running = False

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        at = ended = 0
        while len(data) - at >= 9:
            size = int.from_bytes(data[at : at + 3])
            if len(data) - at < 9 + size:
                break
            kind, flags, stream = struct.unpack_from("!BBI", data, at + 3)
            if kind == frames.DATA:
                if data[at + 9 : at + 9 + size] == ANSWER:
                    self._well.add(stream)
            elif kind == frames.PING and not flags & ACK:
                pong = Frame(frames.PING, ACK, 0, data[at + 9 : at + 9 + size])
                self._transport.write(pong.encode())
            elif kind == frames.RST_STREAM or (kind == frames.HEADERS and flags & END_STREAM):
                ended += self._end(stream)
            at += 9 + size
        self._unread = data[at:]
        if ended and self.running:
            self.begin(ended)

    def _end(self, stream: int) -> bool:
        """Whether the call had not ended before."""
        began = self.open.pop(stream, None)
        if began is None:
            return False
        if stream in self._well:
            self._well.remove(stream)
            self.latencies.append(time.perf_counter() - began)
        else:
            self.failed += 1
        return True


async def measure(neighbours: list[Neighbour], seconds: float) -> dict[str, float]:
    for each in neighbours:
        each.latencies.clear()
        each.running = True
        each.begin(IN_FLIGHT)
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    latencies = sorted(latency for each in neighbours for latency in each.latencies)
    for each in neighbours:
        each.running = False
    deadline = time.perf_counter() + LOST
    while any(each.open for each in neighbours) and time.perf_counter() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    failed = sum(each.failed + len(each.open) for each in neighbours)
    for each in neighbours:
        each.failed = 0
        each.open.clear()
    count = len(latencies)
    return {
        "rate": count / took,
        "p50": latencies[count // 2] if count else LOST,
        "p99": latencies[count * 99 // 100] if count else LOST,
        "failed": failed,
        "calls": count,
    }


async def calls_on(port: int) -> None:
    cores.take(1)
    loop = asyncio.get_running_loop()
    neighbours = [
        (await loop.create_connection(Neighbour, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)
    ]
    print("ready", flush=True)
    while seconds := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await measure(neighbours, float(seconds))), flush=True)


if __name__ == "__main__":
    uvloop.run(calls_on(int(sys.argv[1])))
