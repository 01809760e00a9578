"""A gateway's data plane between two peers that are frames by hand: no sockets.

Bytes go to and fro when a test says so, so that what happens first is the test's to choose.
"""

from __future__ import annotations

import asyncio
import base64
import struct
from types import SimpleNamespace
from typing import Any, cast

import hpack
from google.rpc import error_details_pb2, status_pb2

from tercet.gateway._endpoint import Endpoint
from tercet.gateway._p2c import LeastOfTwo
from tercet.gateway._plane import Plane
from tercet.gateway._policy import Policy
from tercet.gateway._region import Region
from tercet.gateway._route import Route
from tercet.gateway._upstream import Upstream
from tercet.gateway.failures import Failures
from tercet.gateway.subchannel import Subchannel
from tercet.rpc._ledger import Ledger, Tally
from tercet.rpc._limits import Limits
from tercet.rpc._outlet import Buffers
from tercet.rpc.native.protocol import Protocol
from tests.conformance.wire import frames
from tests.conformance.wire.connection import Answer
from tests.conformance.wire.frames import ACK, END_HEADERS, END_STREAM, Frame

PATH = b"/a.B/C"
REQUEST = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", PATH),
    (b":authority", b"shop"),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
]
HEAD = [(b":status", b"200"), (b"content-type", b"application/grpc")]
OK = [(b"grpc-status", b"0")]


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closed = False
        self.reading = True
        self.protocol: Any = None

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close


class Peer:
    """One end of HTTP/2 by hand, and what the gateway has sent to it.

    Args:
        protocol: The gateway's end.
        preface: What is sent before the first frame.
    """

    def __init__(self, protocol: Any, preface: bytes = b"") -> None:
        self.transport = Transport()
        self.protocol = self.transport.protocol = protocol
        self.streams: dict[int, Answer] = {}
        self.others: list[Frame] = []
        self._decoder = hpack.Decoder()
        self._unread = b""
        protocol.connection_made(self.transport)
        self.feed(preface)
        self.send(Frame(frames.SETTINGS, 0, 0, b""))

    def feed(self, data: bytes) -> None:
        """The gateway reads bytes."""
        while data and not self.transport.closed:
            view = self.protocol.get_buffer(len(data))
            step = min(len(data), len(view))
            view[:step] = data[:step]
            self.protocol.buffer_updated(step)
            data = data[step:]

    def send(self, *sent: Frame) -> None:
        """The gateway reads frames, in one read."""
        self.feed(b"".join(frame.encode() for frame in sent))

    def hang_up(self, error: Exception | None = None) -> None:
        self.transport.closed = True
        self.protocol.connection_lost(error)

    async def settle(self) -> None:
        """Reads all that the gateway has to say now."""
        for _ in range(6):
            await asyncio.sleep(0)
        data, self._unread = self._unread + bytes(self.transport.written), b""
        self.transport.written.clear()
        if data.startswith(frames.PREFACE):
            data = data[len(frames.PREFACE) :]
        while len(data) >= 9:
            size = int.from_bytes(data[:3], "big")
            if len(data) < 9 + size:
                break
            kind, flags, stream = struct.unpack("!BBI", data[3:9])
            self._sort(Frame(kind, flags, stream, data[9 : 9 + size]))
            data = data[9 + size :]
        self._unread = data

    def of(self, stream: int) -> Answer:
        return self.streams.get(stream, Answer())

    def _sort(self, frame: Frame) -> None:
        if frame.type == frames.SETTINGS and not frame.flags & ACK:
            self.send(Frame(frames.SETTINGS, ACK, 0, b""))
        if frame.type not in (frames.HEADERS, frames.DATA, frames.RST_STREAM):
            self.others.append(frame)
            return
        answer = self.streams.setdefault(frame.stream, Answer())
        answer.frames.append(frame)
        if frame.type == frames.HEADERS:
            found = self._decoder.decode(frame.payload, raw=True)
            answer.blocks.append([(key.decode(), value.decode()) for key, value in found])
        elif frame.type == frames.DATA:
            answer.data += frame.payload
        else:
            answer.reset = frame.number
        if frame.type != frames.RST_STREAM and frame.flags & END_STREAM:
            answer.ended = True

    def granted(self, stream: int) -> int:
        """What WINDOW_UPDATEs of a stream, or of the connection (0), have granted."""
        return sum(
            each.number
            for each in self.others
            if each.type == frames.WINDOW_UPDATE and each.stream == stream
        )


class Stage:
    """A gateway with one route, and no client and no endpoint yet. Made on a running loop."""

    def __init__(
        self,
        *,
        concurrency: int = 0,
        queue: int = 16,
        policy: Policy | None = None,
        region: Region | None = None,
        limits: Limits | None = None,
        window: int = 1 << 20,
        patience: float = 0.0,
    ) -> None:
        self.region = region or Region(-1, 0, [])
        self.plane = Plane(
            self.region,
            Failures(),
            limits=Limits(metadata_size=4096, metadata_fields=50),
            window=window,
            seed=1,
        )
        self.upstream = Upstream(
            "shop",
            self.plane,
            policy or LeastOfTwo(1),
            concurrency=concurrency,
            queue=queue,
            patience=patience,
        )
        self.tally = Tally("/a.B/C")
        self.route = Route(self.plane, "/a.B/C", self.tally, self.upstream)
        self.ledger = Ledger()
        self.limits = limits or Limits()
        self._server: Any = SimpleNamespace(
            loop=asyncio.get_running_loop(),
            encoding=0,
            known={PATH: self.route},
            route=lambda path: None,
            connected=lambda protocol: True,
            disconnected=lambda protocol: None,
            watch=lambda protocol: SimpleNamespace(
                stop=lambda: None, look_out=lambda: None, pinged=lambda pings, spoke: None
            ),
        )
        self.left: list[Subchannel] = []

    def client(self) -> Peer:
        """A client that has just connected."""
        protocol = Protocol(self._server, self.ledger, Buffers(), self.limits)
        return Peer(protocol, frames.PREFACE)

    def endpoint(self, identity: str = "unix:/one", *, connected: bool = True) -> Endpoint:
        made = Endpoint(identity, identity)
        self.upstream.add(made)
        if connected:
            made.attach(cast("Any", self.worker(made).protocol))
            self.upstream.changed()
        return made

    def worker(self, endpoint: Endpoint) -> Peer:
        """The other end of a new connection to an endpoint."""
        peer = Peer(Subchannel(self.plane, endpoint, self._leave))
        self._peers[endpoint.identity] = peer
        return peer

    def peer(self, endpoint: Endpoint) -> Peer:
        """The other end of its latest connection."""
        return self._peers[endpoint.identity]

    @property
    def _peers(self) -> dict[str, Peer]:
        return self.__dict__.setdefault("peers_", {})

    def _leave(self, subchannel: Any) -> None:
        self.left.append(subchannel)
        if subchannel.endpoint.lane is subchannel:
            subchannel.endpoint.attach(None)
            self.upstream.changed()


def headers(stream: int, fields: frames.Fields, *, end: bool = False) -> Frame:
    flags = END_HEADERS | (END_STREAM if end else 0)
    return Frame(frames.HEADERS, flags, stream, frames.block(fields))


def data(stream: int, payload: bytes, *, end: bool = False) -> Frame:
    return Frame(frames.DATA, END_STREAM if end else 0, stream, payload)


def reset(stream: int, code: int) -> Frame:
    return Frame(frames.RST_STREAM, 0, stream, struct.pack("!I", code))


def goaway(last: int, code: int = 0) -> Frame:
    return Frame(frames.GOAWAY, 0, 0, struct.pack("!II", last, code))


def window(stream: int, size: int) -> Frame:
    return Frame(frames.WINDOW_UPDATE, 0, stream, struct.pack("!I", size))


def settings(**values: int) -> Frame:
    """By number: settings(s4=0) is an initial window of 0."""
    pairs = [struct.pack("!HI", int(name[1:]), value) for name, value in values.items()]
    return Frame(frames.SETTINGS, 0, 0, b"".join(pairs))


def reason(answer: Answer) -> str:
    """Of a failure, out of its details."""
    details = dict(answer.trailers)["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)
