"""A relay before a server that tells which messages passed compressed, each way.

Neither grpcio nor grpc-js shows a message's flag, to a servicer or to a client; gRPC's compression
cases ask both for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable

import hpack

from tests.conformance.wire.frames import (
    DATA,
    END_HEADERS,
    HEADERS,
    PADDED,
    PREFACE,
    PRIORITIZED,
    Frame,
)

# Health and reflection.
OWN = "/grpc."


class Flags:
    """The flags of the messages in one direction of a connection, in the order of their ends.

    Args:
        skip: Bytes before the first frame.
        others: Streams that do not count: the calls that a gateway makes for itself, whose paths
            requests tell.
    """

    def __init__(self, skip: int, others: set[int]) -> None:
        self.found: list[bool] = []
        self.asked = 0
        self._skip = skip
        self._others = others
        self._decoder = hpack.Decoder()
        self._bytes = b""
        # Of each stream, what has come of a message.
        self._bodies: defaultdict[int, bytes] = defaultdict(bytes)

    def feed(self, data: bytes) -> None:
        self._bytes += data
        if len(self._bytes) < self._skip:
            return
        self._bytes, self._skip = self._bytes[self._skip :], 0
        while len(self._bytes) >= 9:
            head, size = self._bytes[:9], int.from_bytes(self._bytes[:3], "big")
            if len(self._bytes) < 9 + size:
                return
            stream, payload = int.from_bytes(head[5:9], "big"), self._bytes[9 : 9 + size]
            self._bytes = self._bytes[9 + size :]
            self._take(Frame(head[3], head[4], stream, payload))

    def _take(self, frame: Frame) -> None:
        if frame.type == HEADERS:
            assert frame.flags & END_HEADERS and not frame.flags & (PADDED | PRIORITIZED)
            if dict(self._decoder.decode(frame.payload)).get(":path", "").startswith(OWN):
                self._others.add(frame.stream)
        if frame.type != DATA or frame.stream in self._others:
            return
        assert not frame.flags & PADDED, "no client of ours pads"
        body = self._bodies[frame.stream] + frame.payload
        while len(body) >= 5 and len(body) >= (end := 5 + int.from_bytes(body[1:5], "big")):
            self.found.append(body[0] == 1)
            body = body[end:]
        self._bodies[frame.stream] = body


class Tap:
    """Relays connections to a port of this machine, each of which carries one call at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        # By the peer that the server sees.
        self._requests: dict[str, Flags] = {}
        self._answers: list[Flags] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def came_compressed(self, peer: str) -> bool:
        """Whether the next message that a handler takes from a connection came compressed."""
        flags = self._requests[peer]
        flags.asked += 1
        return flags.found[flags.asked - 1]

    def passed(self) -> tuple[list[bool], list[bool]]:
        """The flags of all requests, and of all answers."""
        return _all(self._requests.values()), _all(self._answers)

    async def start(self) -> int:
        """Listens; returns the port."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        host, port = back.get_extra_info("sockname")
        others: set[int] = set()
        self._requests[f"ipv4:{host}:{port}"] = requests = Flags(len(PREFACE), others)
        self._answers.append(answers := Flags(0, others))
        for source, sink, flags in (reader, back, requests), (there, writer, answers):
            task = asyncio.create_task(_pass(source, sink, flags))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _all(directions: Iterable[Flags]) -> list[bool]:
    return [flag for flags in directions for flag in flags.found]


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, flags: Flags) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(1 << 16):
            # Before the server can ask.
            flags.feed(data)
            sink.write(data)
            await sink.drain()
    sink.close()
